package supply

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/ddsctl/ddsctl/runtime/hint"
)

// binary is an executable that can be all there is in an image.
type binary struct {
	path string
	size int64
	arch string // Go's word
	hash string // changes with the content
}

// runningExecutable is the file of this process. On Linux it can be read even after it was replaced on disk.
func runningExecutable() string {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe"
	}
	path, _ := os.Executable() // "" gives its own error below
	return path
}

var machines = map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64", elf.EM_386: "386", elf.EM_ARM: "arm",
	elf.EM_RISCV: "riscv64", elf.EM_PPC64: "ppc64le", elf.EM_S390: "s390x", elf.EM_LOONGARCH: "loong64"}

// inspect reads what kind of executable a file is, and refuses what could not run alone.
func inspect(path string) (binary, error) {
	file, err := os.Open(path)
	if err != nil {
		return binary{}, fmt.Errorf("executable for the containers: %w", err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return binary{}, fmt.Errorf("executable for the containers: %w", err)
	}
	program, err := elf.NewFile(file)
	if err != nil {
		return binary{}, fmt.Errorf("%s is not a Linux executable", path)
	}
	for _, segment := range program.Progs {
		if segment.Type == elf.PT_INTERP {
			return binary{}, hint.Wrap(fmt.Errorf("%s is linked dynamically and cannot run in an image of its own", path), "build it with CGO_ENABLED=0 (`make build` does)")
		}
	}
	b := binary{path: path, size: info.Size(), arch: machines[program.Machine]}
	if b.arch == "" {
		b.arch = program.Machine.String()
	}
	id := buildID(program)
	if id == "" {
		sum := sha256.New()
		if _, err := io.Copy(sum, io.NewSectionReader(file, 0, info.Size())); err != nil {
			return binary{}, fmt.Errorf("read %s: %w", path, err)
		}
		id = hex.EncodeToString(sum.Sum(nil))
	}
	b.hash = nodeHash(id)
	return b, nil
}

// nodeHash joins what decides about the image: the executable, and what is put around it.
func nodeHash(id string) string {
	sum := sha256.Sum256([]byte(fmt.Sprint(nodeLayout, nodeChanges, id)))
	return hex.EncodeToString(sum[:])
}

// buildID is the hash of its content that the Go linker leaves in an executable, "" where there is none. It saves reading
// the whole file at each start of a lab.
func buildID(program *elf.File) string {
	section := program.Section(".note.go.buildid")
	if section == nil {
		return ""
	}
	note, err := section.Data()
	if err != nil && !errors.Is(err, io.EOF) || len(note) < 16 {
		return ""
	}
	// The note's header is: size of the name ("Go\0\0"), size of the ID, type 4.
	nameSize, idSize := program.ByteOrder.Uint32(note), program.ByteOrder.Uint32(note[4:])
	if nameSize != 4 || program.ByteOrder.Uint32(note[8:]) != 4 || idSize < 40 || int64(len(note)) < 16+int64(idSize) {
		return ""
	}
	return string(note[16 : 16+idSize])
}

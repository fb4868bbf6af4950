package strict

import (
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// field is one key of a mapping: its name, where it goes, and the bounds that its tag states. The tag is the one that the
// schema is made from, so that the decoder and the schema cannot disagree.
type field struct {
	name     string
	index    int
	typ      reflect.Type
	required bool
	enum     []string
	minimum  *float64
	maximum  *float64
	length   int
	pattern  *regexp.Regexp
}

// fieldsOf reads the keys of a struct type.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if !f.IsExported() || name == "" || name == "-" {
			continue
		}
		out := field{name: name, index: i, typ: f.Type}
		for word := range strings.SplitSeq(f.Tag.Get("jsonschema"), ",") {
			key, value, _ := strings.Cut(word, "=")
			switch key {
			case "required":
				out.required = true
			case "enum":
				out.enum = append(out.enum, value)
			case "minimum":
				out.minimum = number(value)
			case "maximum":
				out.maximum = number(value)
			case "minLength":
				out.length, _ = strconv.Atoi(value)
			case "pattern":
				out.pattern = regexp.MustCompile(value)
			}
		}
		fields = append(fields, out)
	}
	return fields
}

func number(text string) *float64 {
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return &n
	}
	return nil
}

func names(fields []field) []string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = f.name
	}
	return list
}

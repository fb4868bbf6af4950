package format

import "github.com/ddsctl/ddsctl/labs/strict"

// Decode reads a lab.yaml. Name stands in front of what is found wrong, all of which is in the error: mark.Problems.
func Decode(name string, data []byte) (*Lab, error) {
	lab := &Lab{}
	places, err := strict.Decode(name, data, lab, "a lab")
	if err != nil {
		return nil, err
	}
	lab.places = places
	if err := lab.validate(); err != nil {
		return nil, err
	}
	return lab, nil
}

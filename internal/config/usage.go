package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"
)

// Variable is one variable, for documentation.
type Variable struct{ Name, Default, Meaning string }

// variables are the fields of Config, in their order.
var variables = func() (all []Variable) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		all = append(all, Variable{prefix + f.Tag.Get("envconfig"), f.Tag.Get("default"), f.Tag.Get("desc")})
	}
	return all
}()

// Variables lists all of them.
func Variables() []Variable { return slices.Clone(variables) }

// Usage lists all variables, a line each, with default and meaning.
func Usage() string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, v := range variables {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", v.Name, v.Default, v.Meaning)
	}
	_ = w.Flush() // a strings.Builder takes everything
	return text.String()
}

package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"framegate/server/internal/config"
)

// flagError is what the library says about a flag, in words for people.
func flagError(cmd *cobra.Command, err error) error {
	e := &usageError{msg: err.Error(), command: cmd.CommandPath()}
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "":
		var known []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		if near := config.Nearest(unknown.GetSpecifiedName(), known); near != "" {
			e.hint = "did you mean --" + near + "?"
		}
	case errors.As(err, &invalid):
		f := invalid.GetFlag()
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		switch f.Value.Type() {
		case "int":
			e.msg = fmt.Sprintf("%s: %q is no number: want a number, as 3", name, invalid.GetValue())
		case "duration":
			e.msg = fmt.Sprintf("%s: %q is not a time: want one with its unit, as 100ms or 2s", name, invalid.GetValue())
		}
	}
	return e
}

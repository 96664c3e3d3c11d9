package main

import (
	"errors"

	"framegate/server/internal/bridge"
	"framegate/server/internal/config"
)

// explanation is an error as the terminal shows it.
type explanation struct{ text, hint string }

// explained finds the hints that the rooms give with their errors.
func explained(err error) []explanation {
	var mistakes config.Errors
	if errors.As(err, &mistakes) {
		list := make([]explanation, 0, len(mistakes))
		for _, m := range mistakes {
			list = append(list, explanation{m.Error(), m.Hint})
		}
		return list
	}
	e := explanation{text: err.Error()}
	var mistake *config.Error
	var app *bridge.Error
	var hinted interface{ Hint() string }
	switch {
	case errors.As(err, &hinted): // by who knew more than the room that failed
		e.hint = hinted.Hint()
	case errors.As(err, &mistake):
		e.hint = mistake.Hint
	case errors.As(err, &app):
		e.hint = app.Hint
	}
	return []explanation{e}
}

package api

// object is what a body holds, of either type, before anything is known of
// its fields: members in the order given, each name once.
type object []member

type member struct {
	name  string
	field string // what the client calls it, from the top: "progress.total"
	value any    // nil, bool, string, json.Number, []any or object
}

// twice is the complaint about a member whose name is there already.
func twice(field string) fieldError { return fieldError{field, "is given twice"} }

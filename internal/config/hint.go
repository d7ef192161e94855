package config

// hint says which variable may be meant by a name that is none.
func hint(name string) string {
	const typo = 2 // characters
	closest, least := "", typo+1
	for _, v := range variables {
		if d := distance(name, v.Name); d < least {
			closest, least = v.Name, d
		}
	}
	if closest == "" {
		return " (statusd -h lists them)"
	}
	return "; is " + closest + " meant?"
}

// distance is Levenshtein's: how many bytes to insert, drop or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1) // from a's first i bytes to b's first j
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

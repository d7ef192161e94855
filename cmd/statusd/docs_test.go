package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/statusd/statusd/internal/config"
)

func TestTheReadmeListsEveryVariable(t *testing.T) {
	t.Parallel()
	var rows []string
	for _, v := range config.Variables() {
		value := ""
		if v.Default != "" {
			value = "`" + v.Default + "`"
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |\n", v.Name, value, v.Meaning))
	}
	require.Contains(t, file(t, "README.md"), strings.Join(rows, ""))
}

func TestTheReadmeListsEveryMetric(t *testing.T) {
	t.Parallel()
	require.Equal(t,
		names(`Name: "(statusd_\w+)"`, file(t, "internal/api/metrics.go")),
		names(`(statusd_(?:http|updates|store|watchers)\w*)`, file(t, "README.md")))
}

func TestTheReadmeListsEveryRouteAndEveryProblem(t *testing.T) {
	t.Parallel()
	var contract struct {
		Paths      map[string]map[string]any
		Components struct {
			Schemas struct {
				Code struct{ Enum []string } `yaml:"Code"`
			}
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(file(t, "openapi.yaml")), &contract))
	readme := file(t, "README.md")

	var routes []string
	for path, item := range contract.Paths {
		for method := range item {
			if method != "parameters" {
				routes = append(routes, strings.ToUpper(method)+" "+path)
			}
		}
	}
	slices.Sort(routes)
	require.Equal(t, routes, names("(?m)^\\| `([A-Z]+ /\\S*)` \\|", readme))

	_, problems, _ := strings.Cut(readme, "| status | `code` |")
	problems, _, _ = strings.Cut(problems, "\n\n")
	var codes []string
	for row := range strings.Lines(problems) {
		if cells := strings.Split(row, "|"); len(cells) > 2 {
			codes = append(codes, names("`([a-z_]+)`", cells[2])...)
		}
	}
	require.ElementsMatch(t, contract.Components.Schemas.Code.Enum, codes)
}

func TestThePolicyAllowsWhatIsAskedOfDynamoDB(t *testing.T) {
	t.Parallel()
	sources, err := filepath.Glob("../../internal/table/dynamo/*.go")
	require.NoError(t, err)
	var code strings.Builder
	for _, path := range sources {
		code.WriteString(file(t, strings.TrimPrefix(path, "../../")))
	}
	require.Equal(t,
		names(`send\(ctx, e, "(\w+)"`, code.String()),
		names(`"dynamodb:(\w+)"`, file(t, "deploy/iam-policy.json")))
}

func TestTheReadmeNamesFilesAndTargetsThatExist(t *testing.T) {
	t.Parallel()
	readme := file(t, "README.md")
	for _, path := range names(`\]\(([\w./-]+)\)`, readme) {
		require.FileExists(t, "../../"+path)
	}
	makefile := file(t, "Makefile")
	for _, target := range names("(?m)(?:^|`)make (\\w+)", readme) {
		require.Regexp(t, `(?m)^`+target+`:`, makefile)
	}
}

func TestTheImageIsToldTheVersionThatTheProgramPrints(t *testing.T) {
	t.Parallel()
	given := names(`-X main\.(\w+)=`, file(t, "Dockerfile"))
	require.Len(t, given, 1)
	// The linker passes over a name that there isn't.
	require.Contains(t, file(t, "cmd/statusd/version.go"), "\nvar "+given[0]+" string\n")
}

// file returns a file of the tree.
func file(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile("../../" + path)
	require.NoError(t, err)
	return string(content)
}

// names returns what the pattern's group found, each once, sorted.
func names(pattern, text string) []string {
	var found []string
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	slices.Sort(found)
	return slices.Compact(found)
}

package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/config"
)

func TestHelpListsEveryCommandAndEveryVariable(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"-h", "--help", "help"} {
		code, stdout, stderr := invoke(t, []string{"STATUSD_ADR=a fault"}, word)
		require.Equal(t, exitOK, code)
		require.Empty(t, stderr)
		for _, c := range commands {
			require.Contains(t, stdout, "statusd "+c.words+" ")
		}
		for _, v := range config.Variables() {
			require.Regexp(t, v.Name+` +`+v.Default+` +`+regexp.QuoteMeta(v.Meaning), stdout)
		}
	}
}

func TestTheVersionIsPrinted(t *testing.T) {
	t.Parallel()
	code, stdout, _ := invoke(t, nil, "version")
	require.Equal(t, exitOK, code)
	require.Equal(t, "statusd "+programVersion()+"\n", stdout)
}

func TestAnUnknownCommandIsAnsweredByTheUsage(t *testing.T) {
	t.Parallel()
	for _, words := range []string{"sreve", "table", "table drop", "serve now"} {
		code, stdout, stderr := invoke(t, environment(t), strings.Fields(words)...)
		require.Equal(t, exitUsage, code)
		require.Empty(t, stdout)
		require.Contains(t, stderr, "no such command: "+words+"\n")
		require.Contains(t, stderr, "statusd table create")
	}
}

func TestAllFaultsOfTheConfigurationAreToldAtOnce(t *testing.T) {
	t.Parallel()
	code, _, stderr := invoke(t, environment(t, "ADR=:80", "STORE=redis", "LATE_AFTER=soon", "TABLE="))
	require.Equal(t, exitUsage, code)
	require.Equal(t, `statusd: STATUSD_ADR is no variable of statusd; is STATUSD_ADDR meant?
statusd: STATUSD_LATE_AFTER is "soon", not a time span, like 90s or 12h
statusd: STATUSD_STORE is "redis", not embedded or dynamodb
statusd: STATUSD_TABLE is set, but empty
`, stderr)
}

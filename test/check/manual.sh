#!/bin/bash
# SPDX-License-Identifier: ISC
# The manual page and the shell's completion name every command, option and exit status that there
# is, and no option that there is not; the page has no warnings. usage: manual.sh ZWINGER
set -u
zwinger=$(realpath "$1")
cd "$(dirname "$0")/../.." || exit 1
page=doc/man/zwinger.1 completion=doc/completion/zwinger.bash failed=0
fail() { echo "FAILED $*"; failed=1; }

help=$("$zwinger" --help && "$zwinger" run --help && "$zwinger" check --help && "$zwinger" device --help &&
	"$zwinger" run x.dts --help && "$zwinger" show --help && "$zwinger" ps --help &&
	"$zwinger" stat --help) ||
	fail "help of zwinger or of a command"
options=$(grep -oE '^ +--[a-z-]+' <<<"$help" | tr -d ' ' | sort -u)
commands=$("$zwinger" --help | sed -n 's/^  \([a-z]\+\)  .*/\1/p')
[ "$(wc -w <<<"$options")" -gt 5 ] || fail "options found in the help: $options"
[ "$(wc -w <<<"$commands")" -gt 2 ] || fail "commands found in the help: $commands"
# As words: --memory must not pass for --mem.
words() { grep -oE -- '--?[a-zA-Z][a-zA-Z-]*|[a-z]+' "$@"; }
for option in $options; do
	grep -qE "^\.(It Fl Fl ${option#--}( .*)?|Ss zwinger $option)$" "$page" || fail "$page lacks $option"
	words "$completion" | grep -qFx -- "$option" || fail "$completion lacks $option"
done
for command in $commands; do
	grep -qFx ".Ss zwinger $command" "$page" || fail "$page lacks the command $command"
	words "$completion" | grep -qFx "$command" || fail "$completion lacks the command $command"
done
for option in $(grep -oE 'Fl Fl [a-z-]+' "$page" | sed 's/Fl Fl /--/' | sort -u) \
	$(grep -v '^ *#' "$completion" | grep -oE -- '--[a-z][a-z-]+' | sort -u); do
	[ "$option" = --option ] || grep -qFx -- "$option" <<<"$options" || fail "$option is documented, but does not exist"
done
for n in $(sed -n 's/.*STATUS_[A-Z_]* = \([0-9]*\),.*/\1/p' lib/status.h); do
	grep -qx "\.It $n" "$page" || fail "$page lacks exit status $n"
done
[ $failed = 0 ] && echo "ok commands, options and exit statuses are documented"

warnings='' tools=''
if type man >/dev/null 2>&1; then
	tools="$tools man"
	warnings+=$(LC_ALL=C.UTF-8 man --warnings -E UTF-8 -l "$page" 2>&1 >/dev/null)
fi
if type groff >/dev/null 2>&1; then
	tools="$tools groff"
	warnings+=$(groff -mdoc -ww -z -Tutf8 "$page" 2>&1)
fi
if type mandoc >/dev/null 2>&1; then
	tools="$tools mandoc"
	warnings+=$(mandoc -T lint -W warning "$page" 2>&1)
fi
if [ -n "$warnings" ]; then
	fail "warnings: $warnings"
elif [ -z "$tools" ]; then
	echo "skipped: warnings, since there is no man, groff or mandoc"
else
	echo "ok no warnings of$tools"
fi
bash -n "$completion" && echo "ok completion is a script" || fail "completion is no script"
complete() { # WORD...: what the last of them may become
	bash -c 'source "$1"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _zwinger; echo "${COMPREPLY[*]}"' \
		- "$completion" "$@" 2>/dev/null
}
[ "$(complete zwinger ch)" = check ] && [ "$(complete zwinger run --no-re)" = --no-reboot ] &&
	[ "$(complete zwinger run --kernel doc/man/zw)" = doc/man/zwinger.1 ] &&
	[ "$(complete zwinger run --kernel = doc/man/zw)" = doc/man/zwinger.1 ] &&
	echo "ok completion completes" || fail "completion does not complete"
exit $failed

#!/bin/bash
# SPDX-License-Identifier: ISC
# Each command has a manual page with every option that its --help has and no other; each shell's
# completion names them all and no other, and completes where that shell is installed; the pages have
# no warnings, and zwinger(1) every exit status. usage: manual.sh ZWINGER
set -u
zwinger=$(realpath "$1")
cd "$(dirname "$0")/../.." || exit 1
failed=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "FAILED $*"; failed=1; }
ok() { [ $failed = 0 ] && echo "ok $*"; }
# As words: --memory must not pass for --mem.
options_in() { grep -oE '^ +--[a-z][a-z-]*' | tr -d ' ' | sort -u; }

commands=$("$zwinger" --help | sed -n 's/^  \([a-z]\+\)  .*/\1/p' | grep -vx help)
[ "$(wc -w <<<"$commands")" -gt 2 ] || fail "commands found in the help: $commands"
declare -A options
all='--help --version'
for command in $commands; do
	help=$("$zwinger" "$command" --help) || fail "help of $command"
	case $command in
	run) help+=$'\n'$("$zwinger" run x.dts --help) ;;
	audit) help+=$'\n'$("$(dirname "$zwinger")/audit/zwinger-audit-log" --help) ;;
	*) # a command of commands
		for inner in $(sed -n 's/^  \([a-z]\+\)  .*/\1/p' <<<"$help"); do
			help+=$'\n'$("$zwinger" "$command" "$inner" --help)
		done ;;
	esac
	options[$command]="$(options_in <<<"$help" | tr '\n' ' ') --help"
	all+=" ${options[$command]}"
	page=doc/man/zwinger-$command.1
	[ -e "$page" ] || { fail "there is no $page"; continue; }
	for option in ${options[$command]}; do
		grep -qE "^\.(It )?(.* )?Fl Fl ${option#--}( .*)?$" <(sed '1,/^\.Sh DESCRIPTION/d; s/^\.Fl Fl/. Fl Fl/' "$page") || fail "$page lacks $option"
	done
	for option in $(grep -oE 'Fl Fl [a-z-]+' "$page" | sed 's/Fl Fl /--/' | sort -u); do
		[[ " ${options[$command]} " == *" $option "* ]] || fail "$page has $option, which does not exist"
	done
	for other in doc/man/zwinger.1 packaging/package.cmake; do
		grep -qE "zwinger-$command(\.1| 1)" "$other" || fail "$other does not name zwinger-$command(1)"
	done
	grep -qFx ".Ss zwinger $command" doc/man/zwinger.1 || fail "zwinger(1) lacks $command"
done
[ "$(wc -w <<<"$all")" -gt 20 ] || fail "options found in the help: $all"
for n in $(sed -n 's/.*STATUS_[A-Z_]* = \([0-9]*\),.*/\1/p' lib/status.h); do
	grep -qx "\.It $n" doc/man/zwinger.1 || fail "zwinger(1) lacks exit status $n"
done
ok "commands, options and exit statuses are documented"

warnings='' tools=''
for page in doc/man/*.1; do
	type man >/dev/null 2>&1 && tools="$tools man" && warnings+=$(LC_ALL=C.UTF-8 man --warnings -E UTF-8 -l "$page" 2>&1 >/dev/null)
	type groff >/dev/null 2>&1 && tools="$tools groff" && warnings+=$(groff -mdoc -ww -z -Tutf8 "$page" 2>&1)
	type mandoc >/dev/null 2>&1 && tools="$tools mandoc" && warnings+=$(mandoc -T lint -W warning "$page" 2>&1)
	[ "$(sed -n '/^\.Nm/p' "$page" | head -1)" = ".Nm $(basename "$page" .1)" ] || fail "$page has another name"
done
if [ -n "$warnings" ]; then
	fail "warnings: $warnings"
elif [ -z "$tools" ]; then
	echo "skipped: warnings, since there is no man, groff or mandoc"
else
	echo "ok no warnings of $(tr ' ' '\n' <<<"$tools" | sort -u | xargs)"
fi

# What a completion names, and how it writes an option.
for file in zwinger.bash _zwinger zwinger.fish; do
	completion=doc/completion/$file
	words=$(grep -v '^[[:space:]]*#' "$completion" | sed -E '/^complete/s/ -l ([a-z])/ --\1/g' | grep -oE -- '--[a-z][a-z-]*|[a-z]+' | sort -u)
	for word in $commands help $all; do
		# What the shell asks zwinger for it need not name.
		grep -qFx -- "$word" <<<"$words" || { [[ " ${options[bench]-} " == *" $word "* ]] && grep -q 'zwinger bench .*--help' "$completion"; } ||
			fail "$completion lacks $word"
	done
	for word in $(grep -e '^--' <<<"$words"); do
		[[ " $all " == *" $word "* ]] || fail "$completion has $word, which does not exist"
	done
done
ok "each shell's completion names commands and options"

expect() { # SHELL WANTED WORD...: what the last of them becomes
	local shell=$1 wanted=$2 is
	shift 2
	is=$("complete_$shell" "$@")
	[ "$is" = "$wanted" ] || fail "$shell completes '$*' to '$is', not to '$wanted'"
}
complete_bash() {
	bash -c 'source "$1"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _zwinger; echo "${COMPREPLY[*]}"' \
		- doc/completion/zwinger.bash "$@" 2>/dev/null
}
complete_fish() { HOME=$scratch fish --no-config -c 'source $argv[1]; complete -C "$argv[2]"' doc/completion/zwinger.fish "$*" 2>/dev/null | cut -f1; }
# A shell on a terminal of its own, which is given the words, the tabulator, and a key that writes
# the line down.
complete_zsh() {
	rm -f "$work/line"
	timeout 60 zsh -fc '
		zmodload zsh/zpty
		zpty -b z ZDOTDIR=$1 zsh -i
		repeat 300; do [ -e $1/ready ] && break; zpty -r -t z some; sleep 0.1; done
		zpty -w -n z "$2"$'\''\t\x14'\''
		repeat 300; do [ -e $1/line ] && break; zpty -r -t z some; sleep 0.1; done
		zpty -d z' - "$work" "$*" >/dev/null 2>&1
	sed 's/ *$//; s/.* //' "$work/line" 2>/dev/null
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/.zshrc" <<ZSH
fpath=($PWD/doc/completion \$fpath)
autoload -Uz compinit && compinit -u -d $work/dump
write_line() { print -r -- "\$BUFFER" >$work/new && mv $work/new $work/line }
zle -N write_line
bindkey '^T' write_line
zle-line-init() { : >$work/ready }
zle -N zle-line-init
ZSH
for shell in bash zsh fish; do
	type $shell >/dev/null 2>&1 || { echo "skipped: completion by $shell, which is not installed"; continue; }
	expect $shell check zwinger ch
	expect $shell --no-reboot zwinger run --no-re
	expect $shell doc/man/zwinger.1 zwinger run --kernel doc/man/zwinger.
	expect $shell verify zwinger audit v
	expect $shell --interval zwinger stat --int
	[ $failed = 0 ] && echo "ok $shell completes"
done
expect bash doc/man/zwinger.1 zwinger run --kernel = doc/man/zwinger.
exit $failed

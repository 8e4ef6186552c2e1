# SPDX-License-Identifier: ISC
# bash completion of zwinger(1).
# shellcheck shell=bash

_zwinger() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local commands='run check help' reply=''

	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		reply="$commands --help --version"
	elif [ "${COMP_WORDS[1]}" = help ]; then
		[ "$COMP_CWORD" = 2 ] && reply='run check'
	elif [ "${COMP_WORDS[1]}" = check ]; then
		reply='--help'
	elif [ "${COMP_WORDS[1]}" = run ]; then
		# "--option=value" comes as three words where '=' breaks them.
		if [ "$word" = '=' ]; then
			word=''
		elif [ "$before" = '=' ]; then
			before=${COMP_WORDS[COMP_CWORD - 2]}
		fi
		case $before in
		--kernel | --initrd)
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$word")
			return
			;;
		--memory) reply='256M 512M 1G 2G 4G' ;;
		--cpus) reply='1 2 4 8' ;;
		--escape) reply='none' ;;
		--append) reply='console=ttyS0' ;;
		*)
			reply='--kernel --initrd --append --memory --cpus --huge-pages --prefault
				--no-reboot --escape --timing --help'
			;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$reply" -- "$word")
}
complete -F _zwinger zwinger

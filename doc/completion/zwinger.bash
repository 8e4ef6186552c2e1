# SPDX-License-Identifier: ISC
# bash completion of zwinger(1).
# shellcheck shell=bash

_zwinger() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local commands='run show ps stop display stat audit check device help' reply=''

	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		reply="$commands --help --version"
	elif [ "${COMP_WORDS[1]}" = help ]; then
		[ "$COMP_CWORD" = 2 ] && reply=$commands
	elif [ "${COMP_WORDS[1]}" = check ]; then
		reply='--help'
	elif [ "${COMP_WORDS[1]}" = show ] || { [ "${COMP_WORDS[1]}" = run ] && [[ ${COMP_WORDS[2]} != -* ]]; }; then
		if [ "$COMP_CWORD" = 2 ] && [ -n "$word" ]; then
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$word")
			return
		fi
		reply='--display --drm --log --metrics --help'
		[ "${COMP_WORDS[1]}" = run ] || reply='--dot --help'
		[ "$COMP_CWORD" != 2 ] || [ "${COMP_WORDS[1]}" = show ] || reply='--kernel --disk --net --help'
	elif [ "${COMP_WORDS[1]}" = audit ] && [ "$COMP_CWORD" = 2 ]; then
		reply='show follow verify --help'
	elif [ "${COMP_WORDS[1]}" = audit ] && [[ $word = -* ]]; then
		reply='--json --channel --expect --help'
	elif [ "${COMP_WORDS[1]}" = stat ] && [[ $before =~ ^--(interval|metrics)$ ]]; then
		[ "$before" = --metrics ] || reply='1 2 5 10 60'
	elif [[ ${COMP_WORDS[1]} =~ ^(audit|ps|stop|display|stat)$ ]]; then
		local run=/run/zwinger
		[ "$(id -u)" = 0 ] || run=${XDG_RUNTIME_DIR:+$XDG_RUNTIME_DIR/zwinger}
		[ -n "$run" ] || run=/tmp/zwinger-$(id -u)
		[ "${COMP_WORDS[1]}" != stat ] || reply='--json --once --interval --metrics'
		reply="--help $reply $(cd "$run" 2>/dev/null && printf '%s\n' *.sock | sed 's/\.sock$//')"
	elif [ "${COMP_WORDS[1]}" = run ] || [ "${COMP_WORDS[1]}" = device ]; then
		# "--option=value" comes as three words where '=' breaks them.
		if [ "$word" = '=' ]; then
			word=''
		elif [ "$before" = '=' ]; then
			before=${COMP_WORDS[COMP_CWORD - 2]}
		fi
		case $before in
		--kernel | --initrd | --socket)
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$word")
			return
			;;
		--memory) reply='256M 512M 1G 2G 4G' ;;
		--cpus) reply='1 2 4 8' ;;
		--escape) reply='none' ;;
		--append) reply='console=ttyS0' ;;
		--disk) reply='file= socket=' ;;
		--net) reply='passt tap= fd=' ;;
		--console) reply='hvc name=' ;;
		--vsock) reply='cid=' ;;
		--share) reply='path= socket=' ;;
		--balloon) reply='size=' ;;
		*)
			reply='--disk --net --console --vsock --balloon --help'
			if [ "${COMP_WORDS[1]}" = device ]; then
				reply="$reply --socket --rng"
			else
				reply="$reply --kernel --initrd --append --memory --cpus --share --no-rng --huge-pages --prefault
					--no-reboot --escape --name --metrics --test-devices --timing"
			fi
			;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$reply" -- "$word")
}
complete -F _zwinger zwinger

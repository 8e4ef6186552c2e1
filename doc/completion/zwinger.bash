# SPDX-License-Identifier: ISC
# bash completion of zwinger(1).
# shellcheck shell=bash

_zwinger_bench() { # what zwinger bench --help and zwinger bench COMMAND --help say
	local word=$1 before=$2 reply='--help'

	case $before in
	--json | --csv | --svg | compare | *.json)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	--only) reply=$(zwinger bench exits --list 2>/dev/null | cut -d' ' -f1) ;;
	*)
		if [ "$COMP_CWORD" = 2 ]; then
			reply=$(zwinger bench --help 2>/dev/null | sed -n 's/^  \([a-z]*\) .*/\1/p')
		else
			reply="$reply $(zwinger bench "${COMP_WORDS[2]}" --help 2>/dev/null | grep -oE '^ +--[a-z-]+')"
		fi
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$reply" -- "$word")
}

_zwinger() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local commands='run show ps stop display stat audit verify store check device bench help' reply=''

	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		reply="$commands --help --version"
	elif [ "${COMP_WORDS[1]}" = help ]; then
		[ "$COMP_CWORD" = 2 ] && reply=$commands
	elif [ "${COMP_WORDS[1]}" = bench ]; then
		_zwinger_bench "$word" "$before"
		return
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
		[ "$COMP_CWORD" != 2 ] || [ "${COMP_WORDS[1]}" = show ] || reply='--kernel --firmware --disk --net --help'
	elif [ "${COMP_WORDS[1]}" = audit ] && [ "$COMP_CWORD" = 2 ]; then
		reply='show follow verify --help'
	elif [ "${COMP_WORDS[1]}" = verify ] || [ "${COMP_WORDS[1]}" = store ]; then
		reply='show key backup restore --help'
		[ "${COMP_WORDS[1]}" = store ] && [ "$COMP_CWORD" != 2 ] && reply='--passphrase-file --tpm --tpm-index'
		[ "${COMP_WORDS[1]}" = verify ] && reply='--key --seen --max-age --nonce --account --total --confirmed --json --help'
		if [[ $word != -* ]] && { [ "${COMP_WORDS[1]}" = verify ] || [ "$COMP_CWORD" != 2 ]; }; then
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$word")
			return
		fi
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
		--firmware)
			reply=seabios ;;
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
				reply="$reply --kernel --initrd --firmware --firmware-debug --append --memory --cpus --share --no-rng --huge-pages --prefault
					--no-reboot --escape --name --metrics --test-devices --timing"
			fi
			;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$reply" -- "$word")
}
complete -F _zwinger zwinger

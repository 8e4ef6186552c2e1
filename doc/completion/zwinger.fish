# SPDX-License-Identifier: ISC
# fish completion of zwinger(1).

function __zwinger_systems
    set -l run /run/zwinger
    if test (id -u) != 0
        set run /tmp/zwinger-(id -u)
        set -q XDG_RUNTIME_DIR; and set run $XDG_RUNTIME_DIR/zwinger
    end
    for socket in $run/*.sock
        string replace -r '.*/(.*)\.sock$' '$1' $socket
    end
end

# The command is one of these.
function __zwinger_is
    set -l words (commandline -opc)
    test (count $words) -gt 1; and contains -- $words[2] $argv
end

complete -c zwinger -f
complete -c zwinger -n __fish_use_subcommand -l help -d 'list the commands'
complete -c zwinger -n __fish_use_subcommand -l version -d 'print the version'
complete -c zwinger -n __fish_use_subcommand -a run -d 'run a virtual machine, or the system of a manifest'
complete -c zwinger -n __fish_use_subcommand -a show -d 'what a manifest says'
complete -c zwinger -n __fish_use_subcommand -a ps -d 'list running systems'
complete -c zwinger -n __fish_use_subcommand -a stop -d 'end a running system'
complete -c zwinger -n __fish_use_subcommand -a display -d 'attach this terminal to the trusted display'
complete -c zwinger -n __fish_use_subcommand -a stat -d 'show what a running system does'
complete -c zwinger -n __fish_use_subcommand -a audit -d 'read the log of what passed'
complete -c zwinger -n __fish_use_subcommand -a verify -d 'is a receipt genuine, and for this order'
complete -c zwinger -n __fish_use_subcommand -a store -d 'keys and backups of a secure storage'
complete -c zwinger -n __fish_use_subcommand -a bench -d 'what exits, boots, channels, memory and I/O cost'
complete -c zwinger -n __fish_use_subcommand -a check -d 'say what this host can do'
complete -c zwinger -n __fish_use_subcommand -a device -d 'serve one device to a vhost-user front end'
complete -c zwinger -n __fish_use_subcommand -a help -d 'tell more'
complete -c zwinger -n '__zwinger_is help' -a 'run show ps stop display stat audit verify store bench check device'
complete -c zwinger -n '__zwinger_is ps stop display stat audit' -a '(__zwinger_systems)'
complete -c zwinger -n '__zwinger_is audit' -a 'show follow verify'
complete -c zwinger -n '__zwinger_is run show verify store' -F
complete -c zwinger -n '__zwinger_is store' -a 'show key backup restore'

complete -c zwinger -n '__zwinger_is run' -l kernel -rF -d 'the kernel'
complete -c zwinger -n '__zwinger_is run' -l initrd -rF -d 'its initial RAM disk'
complete -c zwinger -n '__zwinger_is run' -l firmware -rF -d 'a BIOS that boots a disk instead'
complete -c zwinger -n '__zwinger_is run' -l firmware-debug -d 'log what the firmware tells its developers'
complete -c zwinger -n '__zwinger_is run' -l append -x -a console=ttyS0 -d 'its whole command line'
complete -c zwinger -n '__zwinger_is run' -l memory -x -a '256M 512M 1G 2G 4G' -d 'guest memory'
complete -c zwinger -n '__zwinger_is run' -l cpus -x -a '1 2 4 8' -d 'virtual processors'
complete -c zwinger -n '__zwinger_is run' -l share -x -a 'path= socket=' -d 'a directory, by virtiofs'
complete -c zwinger -n '__zwinger_is run' -l no-rng -d 'no source of random numbers'
complete -c zwinger -n '__zwinger_is run' -l huge-pages -d 'use reserved 2 MiB pages'
complete -c zwinger -n '__zwinger_is run' -l prefault -d 'allocate all guest memory first'
complete -c zwinger -n '__zwinger_is run' -l no-reboot -d 'end when the guest resets'
complete -c zwinger -n '__zwinger_is run' -l escape -x -a none -d 'the key that begins a keyboard command'
complete -c zwinger -n '__zwinger_is run' -l name -x -d 'what ps, stat and stop call it'
complete -c zwinger -n '__zwinger_is run' -l test-devices -d 'boot Multiboot images, end by port 0xf4'
complete -c zwinger -n '__zwinger_is run' -l timing -d 'say when each step was reached'
complete -c zwinger -n '__zwinger_is run' -l display -d 'of a manifest: attach this terminal'
complete -c zwinger -n '__zwinger_is run' -l drm -d 'of a manifest: use its screen and keyboards'
complete -c zwinger -n '__zwinger_is run' -l log -rF -d 'of a manifest: where log lines go'
complete -c zwinger -n '__zwinger_is run device' -l disk -rF -d 'a disk'
complete -c zwinger -n '__zwinger_is run device' -l net -x -a 'passt tap= fd=' -d 'a network card'
complete -c zwinger -n '__zwinger_is run device' -l console -x -a 'hvc name=' -d 'a port of a virtio console'
complete -c zwinger -n '__zwinger_is run device' -l vsock -x -a cid= -d 'sockets between guest and host'
complete -c zwinger -n '__zwinger_is run device' -l balloon -x -a size= -d 'memory taken from the guest'
complete -c zwinger -n '__zwinger_is run stat' -l metrics -rF -d 'statistics for Prometheus at a Unix socket'
complete -c zwinger -n '__zwinger_is device' -l socket -rF -d 'where the front end connects'
complete -c zwinger -n '__zwinger_is device' -l rng -d 'a source of random numbers'
complete -c zwinger -n '__zwinger_is show' -l dot -d 'as a drawing for Graphviz'
complete -c zwinger -n '__zwinger_is stat audit verify' -l json -d 'JSON, an object a line'
complete -c zwinger -n '__zwinger_is stat' -l once -d 'what there is now, then end'
complete -c zwinger -n '__zwinger_is stat' -l interval -x -a '1 2 5 10 60' -d 'how often, in seconds'
complete -c zwinger -n '__zwinger_is audit' -l channel -x -d 'only what this channel carried'
complete -c zwinger -n '__zwinger_is audit' -l expect -x -d 'the log holds the record with this hash'
complete -c zwinger -n '__zwinger_is run show ps stop display stat audit verify store bench check device' -l help -d 'list the options'
complete -c zwinger -n '__zwinger_is verify' -l key -rF -d 'the keys that must have signed'
complete -c zwinger -n '__zwinger_is verify' -l seen -rF -d 'refuse what was accepted before'
complete -c zwinger -n '__zwinger_is verify' -l max-age -x -d 'refuse an older one'
complete -c zwinger -n '__zwinger_is verify' -l nonce -x -d 'refuse another nonce'
complete -c zwinger -n '__zwinger_is verify' -l account -x -d 'refuse another account'
complete -c zwinger -n '__zwinger_is verify' -l total -x -d 'refuse another total'
complete -c zwinger -n '__zwinger_is verify' -l confirmed -rF -d 'write the form of Protected Confirmation'
complete -c zwinger -n '__zwinger_is store' -l passphrase-file -rF -d 'its first line is the passphrase'
complete -c zwinger -n '__zwinger_is store' -l tpm -rF -d 'the anchor is a TPM'
complete -c zwinger -n '__zwinger_is store' -l tpm-index -x -d 'of its NV counter'

# What the benchmarks take, they say themselves.
function __zwinger_bench
    set -l words (commandline -opc)
    if test (count $words) = 2
        zwinger bench --help 2>/dev/null | string replace -rf '^  ([a-z]+) .*' '$1'
    else
        zwinger bench $words[3] --help 2>/dev/null | string replace -rf '^ +(--[a-z-]+).*' '$1'
    end
end
complete -c zwinger -n '__zwinger_is bench' -F -a '(__zwinger_bench)'

/* SPDX-License-Identifier: ISC */
/*
 * Manifests: one that is good, and one row for each way to make it bad, with the very line that
 * says so. Most are text and go through dtc; what dtc cannot be made to write is put together here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grid.h"
#include "log.h"
#include "manifest.h"
#include "modem_line.h"
#include "show.h"
#include "status.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define HASH	 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define X16	 "xxxxxxxxxxxxxxxx"
#define X256	 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16

static const char good[] =
	"/dts-v1/;\n"
	"/ {\n"
	"\tcompatible = \"zwinger,system-1\";\n"
	"\tmodel = \"phone\";\n"
	"\tprocesses {\n"
	"\t\tlinux: linux {\n"
	"\t\t\tkind = \"vm\";\n"
	"\t\t\tkernel = \"vmlinuz\";\n"
	"\t\t\tmemory = \"512M\";\n"
	"\t\t\tcpus = <1>;\n"
	"\t\t\tdisk = \"d.img,readonly\";\n"
	"\t\t};\n"
	"\t\tterm: terminal {\n"
	"\t\t\tkind = \"terminal\";\n"
	"\t\t};\n"
	"\t\tscreen: screen {\n"
	"\t\t\tkind = \"display\";\n"
	"\t\t\ttimeout-ms = <60000>;\n"
	"\t\t};\n"
	"\t\tdialler: dialler {\n"
	"\t\t\tkind = \"dialler\";\n"
	"\t\t\tmodem = \"modem\";\n"
	"\t\t\tcountry = \"+49\";\n"
	"\t\t\tinternational = \"00\";\n"
	"\t\t\ttrunk = \"0\";\n"
	"\t\t\tnumbers {\n"
	"\t\t\t\tfire { prefix = \"112\"; class = \"emergency\"; };\n"
	"\t\t\t\tpremium {\n"
	"\t\t\t\t\tprefix = \"0900\";\n"
	"\t\t\t\t\tclass = \"premium\";\n"
	"\t\t\t\t};\n"
	"\t\t\t};\n"
	"\t\t};\n"
	"\t\tlog: auditor {\n"
	"\t\t\tkind = \"auditor\";\n"
	"\t\t\tdirectory = \"audit\";\n"
	"\t\t};\n"
	"\t};\n"
	"\tchannels {\n"
	"\t\tout { from = <&linux>; to = <&dialler>; audit = \"full\"; };\n"
	"\t\tin { from = <&dialler>; to = <&linux>; audit = \"digest\"; slots = <8>; };\n"
	"\t\task { from = <&dialler>; to = <&screen>; audit = \"full\"; sync; };\n"
	"\t\tanswer { from = <&screen>; to = <&dialler>; audit = \"decisions\"; };\n"
	"\t\tkeys { from = <&screen>; to = <&term>; audit = \"none\"; };\n"
	"\t\tconsole { link = \"stream\"; from = <&linux>; to = <&term>; };\n"
	"\t\tgrid { link = \"grid\"; from = <&term>; to = <&screen>; };\n"
	"\t};\n"
	"};\n"
	"/include/ \"measured.dtsi\"\n";

static const char measured[] = "/ {\n"
			       "\tbinaries {\n"
			       "\t\tzwinger-vmm = \"" HASH "\";\n"
			       "\t\tzwinger-rng = \"" HASH "\";\n"
			       "\t\tzwinger-blk = \"" HASH "\";\n"
			       "\t\tzwinger-terminal = \"" HASH "\";\n"
			       "\t\tzwinger-display = \"" HASH "\";\n"
			       "\t\tzwinger-audit = \"" HASH "\";\n"
			       "\t\tzwinger-dialler = \"" HASH "\";\n"
			       "\t\tzwinger-showpay = \"" HASH "\";\n"
			       "\t\tzwinger-auth = \"" HASH "\";\n"
			       "\t\tzwinger-storage = \"" HASH "\";\n"
			       "\t};\n"
			       "};\n";

/* What is changed in the good one, and what is said then. */
static const struct {
	const char *from, *to, *logged;
} bad[] = {
	{ "compatible = \"zwinger,system-1\";", "",
	  "phone.dts:2: /: compatible: is missing; it is one text of 1 to 19 printable ASCII characters" },
	{ "zwinger,system-1", "zwinger,system-2",
	  "phone.dts:3: /: compatible: is not \"zwinger,system-1\"" },
	{ "model = \"phone\";", "",
	  "phone.dts:2: /: model: is missing; it is one text of 1 to 23 printable ASCII characters" },
	{ "\"phone\"", "\"Phone\"",
	  "phone.dts:4: /: model: is no name: a-z, 0-9 and '-', which is not the first" },
	{ "\"phone\"", "\"-phone\"",
	  "phone.dts:4: /: model: is no name: a-z, 0-9 and '-', which is not the first" },
	{ "\"phone\"", "\"a-name-of-24-characters-\"",
	  "phone.dts:4: /: model: is not one text of 1 to 23 printable ASCII characters" },
	{ "\"phone\"", "\"\"",
	  "phone.dts:4: /: model: is not one text of 1 to 23 printable ASCII characters" },
	{ "\"phone\"", "\"phone\", \"phone\"",
	  "phone.dts:4: /: model: is not one text of 1 to 23 printable ASCII characters" },
	{ "\"phone\"", "[70 68]",
	  "phone.dts:4: /: model: is not one text of 1 to 23 printable ASCII characters" },
	{ "\"phone\"", "[]",
	  "phone.dts:4: /: model: is not one text of 1 to 23 printable ASCII characters" },
	{ "\"phone\"", "\"phon\\xc3\\xa9\"",
	  "phone.dts:4: /: model: is not one text of 1 to 23 printable ASCII characters" },
	{ "model = \"phone\";", "model = \"phone\"; #address-cells = <1>;",
	  "phone.dts:4: /: #address-cells: there is no such property here" },
	{ "model = \"phone\";", "model = \"phone\"; models = \"phone\";",
	  "phone.dts:4: /: models: there is no such property here; did you mean model" },
	{ "\tchannels {", "\tchannel { };\n\tchannels {",
	  "phone.dts:39: /channel: there is no such node here" },
	{ "\tprocesses {", "\tprocesses {\n\t\tsync;",
	  "phone.dts:6: /processes: sync: there is no such property here" },
	{ "\tchannels {", "\tchannels {\n\t\tsync;",
	  "phone.dts:40: /channels: sync: there is no such property here" },
	{ "/dts-v1/;", "/dts-v1/;\n/memreserve/ 0x1000 0x1000;",
	  "phone.dts:3: /: is not of version 17, has more behind it, or reserves memory" },
	{ "linux: linux {", "linux: Linux {",
	  "phone.dts:6: /processes/Linux: a name is 1 to 23 of a-z, 0-9 and '-', which is not the first" },
	{ "linux: linux {", "linux: linux@1 {",
	  "phone.dts:6: /processes/linux@1: a name is 1 to 23 of a-z, 0-9 and '-', which is not the first" },
	{ "linux: linux {", "linux: -linux {",
	  "phone.dts:6: /processes/-linux: a name is 1 to 23 of a-z, 0-9 and '-', which is not the first" },
	{ "linux: linux {", "linux: this-name-is-much-too-long {",
	  "phone.dts:6: /processes/this-name-is-much-too-long: a name is 1 to 23 of a-z, 0-9 and '-', which is not the first" },
	/* attack_S14: look-alike names. */
	{ "log: auditor {", "log: dia11er {",
	  "phone.dts:20: /processes/dialler: the name looks like 'dia11er'" },
	{ "log: auditor {", "log: dial-ler {",
	  "phone.dts:20: /processes/dialler: the name looks like 'dial-ler'" },
	{ "log: auditor {", "log: ter-rninal {",
	  "phone.dts:13: /processes/terminal: the name looks like 'ter-rninal'" },
	{ "log: auditor {", "log: 5creen {",
	  "phone.dts:16: /processes/screen: the name looks like '5creen'" },
	{ "grid { link", "c0nsole { link",
	  "phone.dts:46: /channels/c0nsole: the name looks like 'console'" },
	{ "grid { link", "Grid { link",
	  "phone.dts:46: /channels/Grid: a name is 1 to 23 of a-z, 0-9 and '-', which is not the first" },
	{ "kind = \"vm\";", "",
	  "phone.dts:6: /processes/linux: kind: is missing; it is what dtc makes of a reference" },
	{ "kind = \"vm\";", "kind = \"vmm\";",
	  "phone.dts:7: /processes/linux: kind: is not what dtc makes of a reference" },
	{ "kind = \"vm\";", "kind = \"vm\", \"vm\";",
	  "phone.dts:7: /processes/linux: kind: is not what dtc makes of a reference" },
	{ "kind = \"vm\";", "kind;",
	  "phone.dts:7: /processes/linux: kind: is not what dtc makes of a reference" },
	{ "kind = \"auditor\";", "kind = \"audit\";",
	  "phone.dts:35: /processes/auditor: kind: is not what dtc makes of a reference" },
	{ "kernel = \"vmlinuz\";", "",
	  "phone.dts:6: /processes/linux: kernel: is missing; it is a file; or let firmware = \"seabios\" boot a disk" },
	{ "kernel = \"vmlinuz\";", "kernel = \"vmlinuz\"; firmware = \"seabios\";",
	  "phone.dts:8: /processes/linux: kernel: does not go with firmware, which finds its own" },
	{ "kernel = \"vmlinuz\";", "firmware = \"seabios\"; initrd = \"i\";",
	  "phone.dts:8: /processes/linux: initrd: does not go with firmware, which finds its own" },
	{ "kernel = \"vmlinuz\";", "firmware = \"seabios\"; cmdline = \"quiet\";",
	  "phone.dts:8: /processes/linux: cmdline: does not go with firmware, which finds its own" },
	{ "kernel = \"vmlinuz\";", "firmware = \"ovmf\";",
	  "phone.dts:8: /processes/linux: firmware: is neither \"seabios\" nor a path with a '/'" },
	{ "kernel = \"vmlinuz\";", "firmware = \"seabios\";",
	  "measured.dtsi:2: /binaries: zwinger-vmm-firmware: is missing: 'linux' needs it, and it is started only if its SHA-256 is known" },
	{ "kernel = \"vmlinuz\";", "kernel = \"\";",
	  "phone.dts:8: /processes/linux: kernel: is not one text of 1 to 255 printable ASCII characters" },
	{ "kernel = \"vmlinuz\";", "kernel = <1>;",
	  "phone.dts:8: /processes/linux: kernel: is not one text of 1 to 255 printable ASCII characters" },
	{ "kernel = \"vmlinuz\";", "kernel = \"vm\\tlinuz\";",
	  "phone.dts:8: /processes/linux: kernel: is not one text of 1 to 255 printable ASCII characters" },
	{ "kernel = \"vmlinuz\";", "kernel = \"" X256 "\";",
	  "phone.dts:8: /processes/linux: kernel: is not one text of 1 to 255 printable ASCII characters" },
	{ "memory = \"512M\"", "memory = <512>",
	  "phone.dts:9: /processes/linux: memory: is not a text like \"64M\", from 65536K to 1024G" },
	{ "memory = \"512M\"", "memory = \"63M\"",
	  "phone.dts:9: /processes/linux: memory: is not a text like \"64M\", from 65536K to 1024G" },
	{ "memory = \"512M\"", "memory = \"65M\"",
	  "phone.dts:9: /processes/linux: memory: is not a multiple of 2M" },
	{ "memory = \"512M\"", "memory = \"2048G\"",
	  "phone.dts:9: /processes/linux: memory: is not a text like \"64M\", from 65536K to 1024G" },
	{ "memory = \"512M\"", "memory = \"half\"",
	  "phone.dts:9: /processes/linux: memory: is not a text like \"64M\", from 65536K to 1024G" },
	{ "cpus = <1>", "cpus = <0>",
	  "phone.dts:10: /processes/linux: cpus: is not one number from 1 to 64, like <1>" },
	{ "cpus = <1>", "cpus = <65>",
	  "phone.dts:10: /processes/linux: cpus: is not one number from 1 to 64, like <1>" },
	{ "cpus = <1>", "cpus = \"1\"",
	  "phone.dts:10: /processes/linux: cpus: is not one number from 1 to 64, like <1>" },
	{ "cpus = <1>", "cpus = <1 1>",
	  "phone.dts:10: /processes/linux: cpus: is not one number from 1 to 64, like <1>" },
	{ "cpus = <1>", "cpu = <1>",
	  "phone.dts:10: /processes/linux: cpu: there is no such property here; did you mean cpus" },
	{ "cpus = <1>", "xyzzyx = <1>",
	  "phone.dts:10: /processes/linux: xyzzyx: there is no such property here" },
	{ "cpus = <1>", "no-rng = <1>",
	  "phone.dts:10: /processes/linux: no-rng: is not a word without a value" },
	{ "cpus = <1>", "modem = \"modem\"",
	  "phone.dts:10: /processes/linux: modem: a process of kind \"vm\" must not have it" },
	{ "cpus = <1>", "drm = \"/dev/dri/card0\"",
	  "phone.dts:10: /processes/linux: drm: a process of kind \"vm\" must not have it" },
	{ "cpus = <1>", "restart",
	  "phone.dts:10: /processes/linux: restart: a process of kind \"vm\" must not have it" },
	{ "modem = \"modem\";", "modem = \"modem\"; disk = \"d.img\";",
	  "phone.dts:22: /processes/dialler: disk: a process of kind \"dialler\" must not have it" },
	{ "modem = \"modem\";", "modem = \"modem\"; net = \"passt\";",
	  "phone.dts:22: /processes/dialler: net: a process of kind \"dialler\" must not have it" },
	{ "modem = \"modem\";", "modem = \"modem\"; phrase-file = \"p\";",
	  "phone.dts:22: /processes/dialler: phrase-file: a process of kind \"dialler\" must not have it" },
	{ "directory = \"audit\";", "directory = \"audit\"; input = \"/dev/input/event0\";",
	  "phone.dts:36: /processes/auditor: input: a process of kind \"auditor\" must not have it" },
	{ "kind = \"terminal\";", "kind = \"terminal\"; drm = \"/dev/dri/card0\";",
	  "phone.dts:14: /processes/terminal: drm: a process of kind \"terminal\" must not have it" },
	{ "kind = \"terminal\";", "kind = \"terminal\"; rows = <101>;",
	  "phone.dts:14: /processes/terminal: rows: is not one number from 1 to 100, like <1>" },
	{ "kind = \"terminal\";", "kind = \"terminal\"; node { };",
	  "phone.dts:13: /processes/terminal: there is no node in here" },
	{ "\"d.img,readonly\"", "\"d.img,readonli\"",
	  "--disk: unknown key 'readonli'; did you mean 'readonly'? There are file, socket, format, serial, readonly, direct, bootindex, queues, rate, ops\nphone.dts:11: /processes/linux: disk: is not texts as behind --disk of zwinger run, 16 at most" },
	{ "\"d.img,readonly\"", "\"d.img\", \"e.img,serial=\"",
	  "--disk: serial: '' is not a text of up to 20 characters\nphone.dts:11: /processes/linux: disk: is not texts as behind --disk of zwinger run, 16 at most" },
	{ "\"d.img,readonly\"", "\"\"",
	  "--disk: unknown key ''; there are file, socket, format, serial, readonly, direct, bootindex, queues, rate, ops\nphone.dts:11: /processes/linux: disk: is not texts as behind --disk of zwinger run, 16 at most" },
	{ "\"d.img,readonly\"", "\"" X256 "\"",
	  "phone.dts:11: /processes/linux: disk: is not texts as behind --disk of zwinger run, 16 at most" },
	{ "disk = \"d.img,readonly\";", "disk;",
	  "phone.dts:11: /processes/linux: disk: is not texts as behind --disk of zwinger run, 16 at most" },
	{ "\"d.img,readonly\"", "\"d.img\", <1>",
	  "--disk: unknown key ''; there are file, socket, format, serial, readonly, direct, bootindex, queues, rate, ops\nphone.dts:11: /processes/linux: disk: is not texts as behind --disk of zwinger run, 16 at most" },
	{ "modem = \"modem\";", "",
	  "phone.dts:20: /processes/dialler: modem: is missing; it is one text of 1 to 255 printable ASCII characters" },
	{ "country = \"+49\"", "country = \"49\"",
	  "phone.dts:23: /processes/dialler: country: is not like \"+49\"" },
	{ "country = \"+49\"", "country = \"+4x\"",
	  "phone.dts:23: /processes/dialler: country: is not like \"+49\"" },
	{ "country = \"+49\"", "country = \"+\"",
	  "phone.dts:23: /processes/dialler: country: is not one text of 2 to 5 printable ASCII characters" },
	{ "country = \"+49\"", "country = \"+12345\"",
	  "phone.dts:23: /processes/dialler: country: is not one text of 2 to 5 printable ASCII characters" },
	{ "international = \"00\"", "international = \"+\"",
	  "phone.dts:24: /processes/dialler: international: is not digits, like \"00\"" },
	{ "international = \"00\"", "international = \"\"",
	  "phone.dts:24: /processes/dialler: international: is not one text of 1 to 5 printable ASCII characters" },
	{ "trunk = \"0\"", "trunk = \"x\"",
	  "phone.dts:25: /processes/dialler: trunk: is not digits, like \"0\", or \"\"" },
	{ "trunk = \"0\";", "",
	  "phone.dts:20: /processes/dialler: trunk: is missing; it is one text of 0 to 3 printable ASCII characters" },
	{ "fire { prefix = \"112\"; class = \"emergency\"; };\n\t\t\t\tpremium {\n\t\t\t\t\tprefix = \"0900\";\n\t\t\t\t\tclass = \"premium\";\n\t\t\t\t};",
	  "", "phone.dts:20: /processes/dialler: it needs a node \"numbers\" with a rule" },
	{ "prefix = \"0900\"", "prefix = \"112\"",
	  "phone.dts:29: /processes/dialler/numbers/premium: prefix: there is another rule for \"112\"" },
	{ "prefix = \"0900\"", "prefix = \"0900x\"",
	  "phone.dts:29: /processes/dialler/numbers/premium: prefix: is not digits, or '+' and digits" },
	{ "prefix = \"0900\"", "prefix = \"090+\"",
	  "phone.dts:29: /processes/dialler/numbers/premium: prefix: is not digits, or '+' and digits" },
	{ "prefix = \"0900\"", "prefix = \"012345678901\"",
	  "phone.dts:29: /processes/dialler/numbers/premium: prefix: is not one text of 1 to 11 printable ASCII characters" },
	{ "prefix = \"0900\";", "",
	  "phone.dts:28: /processes/dialler/numbers/premium: prefix: is missing; it is one text of 1 to 11 printable ASCII characters" },
	{ "class = \"premium\";", "",
	  "phone.dts:28: /processes/dialler/numbers/premium: class: is missing; it is what dtc makes of a reference" },
	{ "class = \"premium\"", "class = \"dear\"",
	  "phone.dts:30: /processes/dialler/numbers/premium: class: is not what dtc makes of a reference" },
	{ "class = \"premium\"", "class = \"free\"; cents-per-call = <1>",
	  "phone.dts:30: /processes/dialler/numbers/premium: cents-per-call: numbers of this class cost nothing" },
	{ "class = \"emergency\"", "class = \"emergency\"; cents-per-minute = <1>",
	  "phone.dts:27: /processes/dialler/numbers/fire: cents-per-minute: numbers of this class cost nothing" },
	{ "class = \"premium\"", "class = \"premium\"; cents-per-minute = <0>",
	  "phone.dts:30: /processes/dialler/numbers/premium: cents-per-minute: is not one number from 1 to 100000, like <1>" },
	{ "class = \"premium\"", "class = \"premium\"; cost = <0>",
	  "phone.dts:30: /processes/dialler/numbers/premium: cost: there is no such property here; did you mean class" },
	{ "class = \"premium\"", "class = \"premium\"; inner { }",
	  "phone.dts:28: /processes/dialler/numbers/premium: there is no node in here" },
	{ "premium {", "Premium {",
	  "phone.dts:28: /processes/dialler/numbers/Premium: a name is 1 to 23 of a-z, 0-9 and '-', which is not the first" },
	{ "numbers {", "numbers {\n\t\t\t\tfree;",
	  "phone.dts:27: /processes/dialler/numbers: free: there is no such property here" },
	{ "numbers {", "number {",
	  "phone.dts:26: /processes/dialler/number: there is no such node here" },
	{ "prefix = \"0900\"", "x = <1>",
	  "phone.dts:29: /processes/dialler/numbers/premium: x: there is no such property here" },
	{ "timeout-ms = <60000>", "timeout-ms = <999>",
	  "phone.dts:18: /processes/screen: timeout-ms: is not one number from 1000 to 600000, like <1000>" },
	{ "timeout-ms = <60000>", "dead-time-ms = <499>",
	  "phone.dts:18: /processes/screen: dead-time-ms: is not one number from 500 to 10000, like <500>" },
	{ "timeout-ms = <60000>", "layout = \"dvorak\"",
	  "phone.dts:18: /processes/screen: layout: is not what dtc makes of a reference" },
	{ "timeout-ms = <60000>", "drm = \"/dev/dri/card0\"",
	  "phone.dts:16: /processes/screen: input: is missing: a screen and its keyboard go together" },
	{ "timeout-ms = <60000>", "input = \"/dev/input/event0\"",
	  "phone.dts:16: /processes/screen: drm: is missing: a screen and its keyboard go together" },
	{ "timeout-ms = <60000>", "drm = \"/dev/dri/card0\"; input = \"a\", \"\"",
	  "phone.dts:18: /processes/screen: input: is not up to 8 texts of up to 255 characters" },
	{ "timeout-ms = <60000>",
	  "drm = \"/dev/dri/card0\"; input = \"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\"",
	  "phone.dts:18: /processes/screen: input: is not up to 8 texts of up to 255 characters" },
	{ "directory = \"audit\"", "directory = \"audit\"; segment-bytes = \"1K\"",
	  "phone.dts:36: /processes/auditor: segment-bytes: is not a text like \"64M\", from 64K to 1024G" },
	{ "directory = \"audit\"", "directory = \"audit\"; keep-bytes = \"31M\"",
	  "phone.dts:36: /processes/auditor: keep-bytes: is less than two segments" },
	{ "directory = \"audit\"",
	  "directory = \"audit\"; segment-bytes = \"64K\"; keep-bytes = \"127K\"",
	  "phone.dts:36: /processes/auditor: keep-bytes: is not a text like \"64M\", from 128K to 1024G" },
	{ "directory = \"audit\"", "directory = \"audit\"; checkpoint-every = <0>",
	  "phone.dts:36: /processes/auditor: checkpoint-every: is not one number from 1 to 1000000, like <1>" },
	{ "kind = \"auditor\";",
	  "kind = \"auditor\"; after = <&linux>;\n\t\t};\n\t\tx: x { kind = \"terminal\"; after = <&log>; };\n\t\ty: y { after = <&x &y>; kind = \"terminal\";",
	  "phone.dts:38: /processes/y: after: there is no order: who is waited for waits too" },
	{ "kind = \"vm\";", "kind = \"vm\"; after = <&linux>;",
	  "phone.dts:7: /processes/linux: after: there is no order: who is waited for waits too" },
	{ "kind = \"vm\";", "kind = \"vm\"; after = <99>;",
	  "phone.dts:7: /processes/linux: after: refers to no process" },
	{ "kind = \"vm\";", "kind = \"vm\"; after;",
	  "phone.dts:7: /processes/linux: after: is not references to processes, like <&auditor>" },
	{ "kind = \"vm\";", "kind = \"vm\"; after = \"x\";",
	  "phone.dts:7: /processes/linux: after: is not references to processes, like <&auditor>" },
	{ "out { from = <&linux>; ", "out { ",
	  "phone.dts:40: /channels/out: from: is missing; it is one reference to a process, like <&linux>" },
	{ "out { from = <&linux>; to = <&dialler>;", "out { from = <&linux>;",
	  "phone.dts:40: /channels/out: to: is missing; it is one reference to a process, like <&linux>" },
	{ "out { from = <&linux>;", "out { from = <99>;",
	  "phone.dts:40: /channels/out: from: refers to no process" },
	{ "out { from = <&linux>; to = <&dialler>;", "out { from = <&linux>; to = <99>;",
	  "phone.dts:40: /channels/out: to: refers to no process" },
	{ "out { from = <&linux>; to = <&dialler>;",
	  "out { from = <&linux>; to = <&dialler &screen>;",
	  "phone.dts:40: /channels/out: to: is not one reference to a process, like <&linux>" },
	{ "out { from = <&linux>; to = <&dialler>;", "out { from = <&linux>; to = \"dialler\";",
	  "phone.dts:40: /channels/out: to: is not one reference to a process, like <&linux>" },
	{ "out { from", "out { colour; from",
	  "phone.dts:40: /channels/out: colour: there is no such property here" },
	{ "to = <&dialler>; audit = \"full\"; };\n", "to = <&dialler>; };\n",
	  "phone.dts:40: /channels/out: audit: is missing; \"full\" is always right" },
	{ "to = <&dialler>; audit = \"full\"; };\n", "to = <&dialler>; audit = \"none\"; };\n",
	  "phone.dts:40: /channels/out: audit: what is said here must be in the log" },
	{ "to = <&dialler>; audit = \"full\"; };\n",
	  "to = <&dialler>; audit = \"decisions\"; };\n",
	  "phone.dts:40: /channels/out: audit: no message here decides anything: \"full\" or \"digest\"" },
	{ "to = <&dialler>; audit = \"full\"; };\n", "to = <&dialler>; audit = \"some\"; };\n",
	  "phone.dts:40: /channels/out: audit: is not what dtc makes of a reference" },
	{ "audit = \"decisions\"", "audit = \"digest\"",
	  "phone.dts:43: /channels/answer: audit: only hashes would not tell what was asked and answered" },
	{ "audit = \"decisions\"", "audit = \"none\"",
	  "phone.dts:43: /channels/answer: audit: what is said here must be in the log" },
	{ "audit = \"none\"", "audit = \"full\"",
	  "phone.dts:44: /channels/keys: audit: keys pressed for a guest may be its passwords: only \"none\"" },
	{ "; audit = \"none\"", "",
	  "phone.dts:44: /channels/keys: audit: is missing; it can only be \"none\"" },
	{ "audit = \"none\"", "audit = \"none\"; sync",
	  "phone.dts:44: /channels/keys: sync: nothing of this channel is in the log" },
	{ "slots = <8>", "slots = <7>",
	  "phone.dts:41: /channels/in: slots: is no power of two" },
	{ "slots = <8>", "slots = <512>",
	  "phone.dts:41: /channels/in: slots: is not one number from 2 to 256, like <2>" },
	{ "slots = <8>", "slots = <1>",
	  "phone.dts:41: /channels/in: slots: is not one number from 2 to 256, like <2>" },
	{ "console { link", "console { audit = \"full\"; link",
	  "phone.dts:45: /channels/console: audit: only a channel of messages has it" },
	{ "console { link", "console { sync; link",
	  "phone.dts:45: /channels/console: sync: only a channel of messages has it" },
	{ "grid { link", "grid { slots = <8>; link",
	  "phone.dts:46: /channels/grid: slots: only a channel of messages has it" },
	{ "link = \"grid\"", "link = \"pixels\"",
	  "phone.dts:46: /channels/grid: link: is not what dtc makes of a reference" },
	{ "link = \"stream\"", "link = \"messages\"",
	  "phone.dts:45: /channels/console: nothing goes from kind \"vm\" to kind \"terminal\" by link \"messages\"" },
	{ "console { link = \"stream\"; from = <&linux>; to = <&term>",
	  "console { link = \"stream\"; from = <&term>; to = <&linux>",
	  "phone.dts:45: /channels/console: nothing goes from kind \"terminal\" to kind \"vm\" by link \"stream\"" },
	{ "keys {", "other { from = <&linux>; to = <&screen>; audit = \"full\"; };\n\t\tkeys {",
	  "phone.dts:44: /channels/other: nothing goes from kind \"vm\" to kind \"display\" by link \"messages\"" },
	{ "keys {", "other { from = <&term>; to = <&dialler>; audit = \"full\"; };\n\t\tkeys {",
	  "phone.dts:44: /channels/other: nothing goes from kind \"terminal\" to kind \"dialler\" by link \"messages\"" },
	{ "keys {", "other { from = <&dialler>; to = <&log>; audit = \"full\"; };\n\t\tkeys {", "phone.dts:44: /channels/other: nothing goes from kind \"dialler\" to kind \"auditor\" by link \"messages\"" },
	{ "keys {", "other { from = <&linux>; to = <&linux>; audit = \"full\"; };\n\t\tkeys {",
	  "phone.dts:44: /channels/other: nothing goes from kind \"vm\" to kind \"vm\" by link \"messages\"" },
	{ "keys {",
	  "other { from = <&dialler>; to = <&screen>; audit = \"full\"; };\n\t\tkeys {",
	  "phone.dts:44: /channels/other: is the same as 'ask': one is enough" },
	{ "\t\tin { from = <&dialler>; to = <&linux>; audit = \"digest\"; slots = <8>; };\n",
	  "",
	  "phone.dts:40: /channels/out: there is no channel back, from 'dialler' to 'linux'" },
	{ "\t\tkeys { from = <&screen>; to = <&term>; audit = \"none\"; };\n", "",
	  "phone.dts:16: /processes/screen: it needs one channel of link \"messages\" to a process of kind \"terminal\"" },
	{ "\t\tconsole { link = \"stream\"; from = <&linux>; to = <&term>; };\n", "",
	  "phone.dts:13: /processes/terminal: it needs one channel of link \"stream\" from a process of kind \"vm\"" },
	{ "\t\tgrid { link = \"grid\"; from = <&term>; to = <&screen>; };\n", "",
	  "phone.dts:16: /processes/screen: it needs one channel of link \"grid\" from a process of kind \"terminal\"" },
	{ "term: terminal {", "t2: other { kind = \"terminal\"; };\n\t\tterm: terminal {",
	  "phone.dts:13: /processes/other: it needs one channel of link \"messages\" from a process of kind \"display\"" },
	{ "term: terminal {", "d2: second { kind = \"display\"; };\n\t\tterm: terminal {",
	  "phone.dts:17: /processes/screen: there is one already: 'second'" },
	{ "term: terminal {",
	  "a2: second { kind = \"auditor\"; directory = \"b\"; };\n\t\tterm: terminal {",
	  "phone.dts:35: /processes/auditor: there is one already: 'second'" },
	{ "term: terminal {",
	  "d2: second { kind = \"dialler\"; modem = \"m\"; country = \"+1\"; international = \"011\"; trunk = \"1\"; numbers { a { prefix = \"911\"; class = \"emergency\"; }; }; };\n\t\tterm: terminal {",
	  "phone.dts:13: /processes/second: it needs one channel of link \"messages\" from a process of kind \"vm\"" },
	{ "\t\tlog: auditor {\n\t\t\tkind = \"auditor\";\n\t\t\tdirectory = \"audit\";\n\t\t};\n",
	  "", "phone.dts:36: /channels/out: audit: there is no auditor" },
	{ "/include/ \"measured.dtsi\"", "/ { binaries { zwinger-vmm = \"00\"; }; };",
	  "phone.dts:49: /binaries: zwinger-vmm: is not a SHA-256, one text of 64 hexadecimal digits" },
	{ "/include/ \"measured.dtsi\"",
	  "/ { binaries { zwinger-vmm = \"0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF\"; }; };",
	  "phone.dts:49: /binaries: zwinger-audit: is missing: 'auditor' needs it, and it is started only if its SHA-256 is known" },
	{ "/include/ \"measured.dtsi\"",
	  "/ { binaries { zwinger-vmm = \"0123456789abcdeg0123456789abcdeg0123456789abcdeg0123456789abcdeg\"; }; };",
	  "phone.dts:49: /binaries: zwinger-vmm: is not a SHA-256, one text of 64 hexadecimal digits" },
	{ "/include/ \"measured.dtsi\"", "/ { binaries { zwinger-vmm = \"" HASH "0\"; }; };",
	  "phone.dts:49: /binaries: zwinger-vmm: is not a SHA-256, one text of 64 hexadecimal digits" },
	{ "/include/ \"measured.dtsi\"",
	  "/ { binaries { zwinger-vmm = \"" HASH "\", \"x\"; }; };",
	  "phone.dts:49: /binaries: zwinger-vmm: is not a SHA-256, one text of 64 hexadecimal digits" },
	{ "/include/ \"measured.dtsi\"", "/ { binaries { zwinger-dialer = \"" HASH "\"; }; };",
	  "phone.dts:49: /binaries: zwinger-audit: is missing: 'auditor' needs it, and it is started only if its SHA-256 is known" },
	{ "/include/ \"measured.dtsi\"", "/ { binaries { n { }; }; };",
	  "phone.dts:49: /binaries: there is no node in here" },
	{ "/include/ \"measured.dtsi\"", "",
	  "phone.dts: /binaries: zwinger-audit: is missing: 'auditor' needs it, and it is started only if its SHA-256 is known" },
	{ "/include/ \"measured.dtsi\"",
	  "/include/ \"measured.dtsi\"\n/ { binaries { /delete-property/ zwinger-dialler; }; };",
	  "measured.dtsi:2: /binaries: zwinger-dialler: is missing: 'dialler' needs it, and it is started only if its SHA-256 is known" },
	{ "/include/ \"measured.dtsi\"",
	  "/include/ \"measured.dtsi\"\n/ { binaries { /delete-property/ zwinger-blk; }; };",
	  "measured.dtsi:2: /binaries: zwinger-blk: is missing: 'linux' needs it, and it is started only if its SHA-256 is known" },
	{ "/include/ \"measured.dtsi\"",
	  "/include/ \"measured.dtsi\"\n/ { binaries { /delete-property/ zwinger-rng; }; };",
	  "measured.dtsi:2: /binaries: zwinger-rng: is missing: 'linux' needs it, and it is started only if its SHA-256 is known" },
	{ "linux: linux {", "linux: lin-ux- {\n\t\t};\n\t\tlinuy: 1inux {",
	  "phone.dts:6: /processes/lin-ux-: kind: is missing; it is what dtc makes of a reference" },
	{ "\"d.img,readonly\";", "\"d.img,readonly\";\n\t\t\tnumbers { };",
	  "phone.dts:6: /processes/linux: there is no node in here" },
	{ "audit = \"none\"; };", "audit = \"none\"; inner { }; };",
	  "phone.dts:44: /channels/keys: there is no node in here" },
	{ "timeout-ms = <60000>", "drm = \"d\"; input = \"" X256 "\"",
	  "phone.dts:18: /processes/screen: input: is not up to 8 texts of up to 255 characters" },
	{ "\"audit\";", "\"audit\"; segment-bytes = \"64K\"; keep-bytes = \"127K\";",
	  "phone.dts:36: /processes/auditor: keep-bytes: is not a text like \"64M\", from 128K to 1024G" },
	{ "\"audit\";", "\"audit\"; segment-bytes = \"1M\"; keep-bytes = \"2047K\";",
	  "phone.dts:36: /processes/auditor: keep-bytes: is less than two segments" },
	{ "kind = \"terminal\";", "kind = \"terminal\"; columns = <257>;",
	  "phone.dts:14: /processes/terminal: columns: is not one number from 1 to 256, like <1>" },
	{ "/include/ \"measured.dtsi\"",
	  "/include/ \"measured.dtsi\"\n/ { binaries { passt = \"" HASH "\"; }; };",
	  "phone.dts:50: /binaries: passt: is no program of Zwinger's" },
	{ "/include/ \"measured.dtsi\"",
	  "/include/ \"measured.dtsi\"\n/ { binaries { zwinger-a-name-that-is-too-long-= \"" HASH
	  "\"; }; };",
	  "phone.dts:50: /binaries: zwinger-a-name-that-is-too-long-: is no program of Zwinger's" },
	{ "\tprocesses {", "\tprocesses { };\n\tchannels2 {",
	  "phone.dts:6: /channels2: there is no such node here" },
	{ "cpus = <1>", "cmdline = <1>",
	  "phone.dts:10: /processes/linux: cmdline: is not one text of 0 to 4095 printable ASCII characters" },
	{ "timeout-ms = <60000>", "layout = <1>",
	  "phone.dts:18: /processes/screen: layout: is not what dtc makes of a reference" },
	{ "timeout-ms = <60000>", "layout = \"us\", \"de\"",
	  "phone.dts:18: /processes/screen: layout: is not what dtc makes of a reference" },
	{ "slots = <8>", "slots = <8>; geometry = <1 2>",
	  "phone.dts:41: /channels/in: geometry: there is no such property here" },
	{ "prefix = \"0900\"", "prefix = \"001900\"",
	  "phone.dts:29: /processes/dialler/numbers/premium: prefix: never fits: for \"00\" write \"+\"" },
	{ "prefix = \"0900\"", "prefix = \"+49900\"",
	  "phone.dts:29: /processes/dialler/numbers/premium: prefix: never fits: for \"+49\" write \"0\"" },
	{ "linux: linux {", "linux: a-name-of-24-characters- {",
	  "phone.dts:6: /processes/a-name-of-24-characters-: a name is 1 to 23 of a-z, 0-9 and '-', which is not the first" },
	{ "\"vmlinuz\"", "[61 7f 00]",
	  "phone.dts:8: /processes/linux: kernel: is not one text of 1 to 255 printable ASCII characters" },
	{ "\"vmlinuz\"", "[61 1f 00]",
	  "phone.dts:8: /processes/linux: kernel: is not one text of 1 to 255 printable ASCII characters" },
};

/* The same with too many of something: `each` %u times. */
static const struct {
	const char *from, *each;
	unsigned fit; /* so many are no problem */
	bool good;    /* no other either */
	const char *logged;
} too_many[] = {
	{ "\t\tterm: ", "\t\tp%u { kind = \"terminal\"; };\n", 11, false,
	  "phone.dts:5: /processes: more than 16 processes" },
	{ "\t\tout {", "\t\tc%u { link = \"stream\"; from = <&linux>; to = <&term>; };\n", 25,
	  false, "phone.dts:39: /channels: more than 32 channels" },
	{ "\t\t\t\tfire {", "\t\t\t\tr%u { prefix = \"9%u\"; class = \"local\"; };\n", 62, true,
	  "phone.dts:26: /processes/dialler/numbers: more than 64 rules" },
	{ "\"d.img,readonly\"", "\"disk-%u\", ", 15, true,
	  "phone.dts:11: /processes/linux: disk: is not texts as behind --disk of zwinger run, 16 at most" },
	{ "/include/",
	  "/ { processes { v%u: vm%u { kind = \"vm\"; kernel = \"k\"; };"
	  " d%u: d%u { kind = \"dialler\"; modem = \"m\"; country = \"+1\"; international = \"011\"; trunk = \"1\";"
	  " numbers { a { prefix = \"911\"; class = \"emergency\"; }; }; }; };"
	  " channels { a%u { from = <&v%u>; to = <&d%u>; audit = \"full\"; }; b%u { from = <&d%u>; to = <&v%u>; audit = \"full\"; };"
	  " c%u { from = <&d%u>; to = <&screen>; audit = \"full\"; }; e%u { from = <&screen>; to = <&d%u>; audit = \"full\"; }; }; };\n",
	  3, true,
	  "phone.dts:52: /channels/a203: audit: an auditor has no room for more than 16 channels" },
	{ "vmlinuz", "x", 248, true,
	  "phone.dts:8: /processes/linux: kernel: is not one text of 1 to 255 printable ASCII characters" },
	{ "/include/", "/ { binaries { zwinger-%u = \"" HASH "\"; }; };\n", 22, true,
	  "phone.dts:49: /binaries: more than 32" },
};

/* What dtc itself refuses: it is told where. */
static const struct {
	const char *from, *to, *logged;
} not_source[] = {
	{ "\tmodel = \"phone\";", "\tmodel = phone;", "dtc: Error: phone.dts:4." },
	{ "model = \"phone\";", "model = \"phone\"; model = \"phone\";", "dtc: phone.dts:4." },
	{ "from = <&linux>; to = <&dialler>", "from = <&nobody>; to = <&dialler>",
	  "dtc: phone.dts:40." },
	{ "/include/ \"measured.dtsi\"", "/include/ \"none.dtsi\"", "none.dtsi" },
	{ "/dts-v1/;", "", "dtc: Error: phone.dts:2." },
};

static struct manifest m;
static bool no_dtc; /* it is nowhere to be found */

int execvp(const char *file, char *const argv[])
{
	errno = ENOENT;
	return no_dtc ? -1 : execvpe(file, argv, environ);
}

int execv(const char *path, char *const argv[])
{
	errno = ENOENT;
	return no_dtc ? -1 : execve(path, argv, environ);
}

static void save(const char *name, const char *text, size_t len)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
}

/* The good one with one place changed. */
static void save_changed(const char *from, const char *to)
{
	static char text[32768];
	const char *at = strstr(good, from);
	int n;

	assert_non_null(at);
	assert_null(strstr(at + 1, from));
	n = snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, to,
		     at + strlen(from));
	assert_in_range(n, 1, sizeof(text) - 1);
	save("phone.dts", text, (size_t)n);
}

/* What is logged while f does its work, without "t: error: " and the last end of line. */
static const char *logged(bool (*f)(const char *), const char *path, bool *result)
{
	static char raw[65536], text[65536];
	int p[2], kept = dup(STDERR_FILENO);
	const char *line, *end;
	size_t len = 0;
	ssize_t n;

	assert_int_equal(pipe2(p, O_NONBLOCK | O_CLOEXEC), 0);
	dup2(p[1], STDERR_FILENO);
	*result = f(path);
	dup2(kept, STDERR_FILENO);
	n = read(p[0], raw, sizeof(raw) - 1);
	close(kept), close(p[0]), close(p[1]);
	raw[n > 0 ? n : 0] = '\0';
	for (line = raw; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		assert_memory_equal(line, "t: error: ", 10);
		len += (size_t)sprintf(text + len, "%s%.*s", len > 0 ? "\n" : "",
				       (int)(end - line - 10), line + 10);
	}
	text[len] = '\0';
	return text;
}

static bool reads(const char *path)
{
	memset(&m, 0xa5, sizeof(m));
	return manifest_read(&m, path);
}

/* "" or what was said of phone.dts. */
static const char *outcome(const char *path)
{
	bool ok;
	const char *text = logged(reads, path, &ok);

	assert_int_equal(ok, text[0] == '\0');
	return text;
}

static void test_good(void **state)
{
	static const char *const order[] = { "auditor", "screen", "dialler", "terminal",
					     "linux" };
	const struct manifest_process *p = m.process;

	(void)state;
	save("phone.dts", good, strlen(good));
	assert_string_equal(outcome("phone.dts"), "");
	assert_string_equal(m.name, "phone");
	assert_string_equal(m.directory, "");
	assert_int_equal(m.process_count, COUNT(order));
	for (unsigned i = 0; i < COUNT(order); i++)
		assert_string_equal(p[i].name, order[i]);
	assert_int_equal(p[0].kind, MANIFEST_AUDITOR);
	assert_int_equal(p[0].line, 34);
	assert_string_equal(p[0].auditor.directory, "audit");
	assert_int_equal(p[0].auditor.settings.segment_bytes, 0);
	assert_int_equal(p[1].kind, MANIFEST_DISPLAY);
	assert_string_equal(p[1].display.settings.guest, "linux");
	assert_int_equal(p[1].display.settings.timeout_ms, 60000);
	assert_int_equal(p[1].display.settings.dead_time_ms, 0);
	assert_string_equal(p[1].display.settings.layout, "us");
	assert_int_equal(p[2].kind, MANIFEST_DIALLER);
	assert_string_equal(p[2].dialler.modem, "modem");
	assert_string_equal(p[2].dialler.settings.country, "+49");
	assert_int_equal(p[2].dialler.settings.rule_count, 2);
	assert_string_equal(p[2].dialler.settings.rule[1].prefix, "0900");
	assert_int_equal(p[2].dialler.settings.rule[0].number_class, NUMBER_EMERGENCY);
	assert_int_equal(p[2].dialler.settings.rule[1].number_class, NUMBER_PREMIUM);
	assert_int_equal(p[3].terminal.rows, 24);
	assert_int_equal(p[3].terminal.columns, 80);
	assert_int_equal(p[4].kind, MANIFEST_VM);
	assert_int_equal(p[4].line, 6);
	assert_string_equal(p[4].vm.kernel, "vmlinuz");
	assert_string_equal(p[4].vm.initrd, "");
	assert_string_equal(p[4].vm.cmdline, "console=ttyS0");
	assert_int_equal(p[4].vm.memory_size, 512 << 20);
	assert_int_equal(p[4].vm.cpu_count, 1);
	assert_int_equal(p[4].vm.device_count, 1);
	assert_string_equal(p[4].vm.device[0].option, "disk");
	assert_string_equal(p[4].vm.device[0].value, "d.img,readonly");
	for (unsigned i = 0; i < COUNT(order); i++)
		assert_false(p[i].restart);
	assert_int_equal(m.binary_count, 10);
	assert_int_equal(manifest_binary(&m, "zwinger-vmm")->sha256[31], 0xef);
	assert_int_equal(manifest_binary(&m, "zwinger-vmm")->sha256[0], 0x01);
	assert_null(manifest_binary(&m, "zwinger-net"));
	assert_string_equal(manifest_program(&m.process[2]), "zwinger-dialler");
}

/* The ends of channels are found again though processes have changed their places. */
static void test_channels(void **state)
{
	static const struct {
		const char *name;
		enum manifest_link link;
		unsigned from, to;
		uint32_t slots, size;
		enum channel_audit audit;
		bool sync;
	} rows[] = {
		{ "out", LINK_MESSAGES, 4, 2, 64, sizeof(struct modem_line), AUDIT_FULL,
		  false },
		{ "in", LINK_MESSAGES, 2, 4, 8, sizeof(struct modem_line), AUDIT_DIGEST,
		  false },
		{ "ask", LINK_MESSAGES, 2, 1, 16, sizeof(struct prompt_message), AUDIT_FULL,
		  true },
		{ "answer", LINK_MESSAGES, 1, 2, 16, sizeof(struct prompt_answer),
		  AUDIT_DECISIONS, false },
		{ "keys", LINK_MESSAGES, 1, 3, 256, sizeof(struct grid_input), AUDIT_NONE,
		  false },
		{ "console", LINK_STREAM, 4, 3, 0, 0, AUDIT_NONE, false },
		{ "grid", LINK_GRID, 3, 1, 0, 0, AUDIT_NONE, false },
	};

	(void)state;
	save("phone.dts", good, strlen(good));
	assert_string_equal(outcome("phone.dts"), "");
	assert_int_equal(m.channel_count, COUNT(rows));
	for (unsigned i = 0; i < COUNT(rows); i++) {
		const struct manifest_channel *c = &m.channel[i];

		assert_string_equal(c->name, rows[i].name);
		assert_int_equal(c->link, rows[i].link);
		assert_int_equal(c->from, rows[i].from);
		assert_int_equal(c->to, rows[i].to);
		assert_int_equal(c->geometry.slots, rows[i].slots);
		assert_int_equal(c->geometry.message_size, rows[i].size);
		assert_true(c->link != LINK_MESSAGES || chan_geometry_valid(c->geometry));
		assert_int_equal(c->audit, rows[i].audit);
		assert_int_equal(c->sync, rows[i].sync);
		assert_int_equal(c->line, 40 + i);
	}
}

/* Every property that the good one has not, at its limits. */
static void test_all_properties(void **state)
{
	static const struct {
		const char *from, *to;
	} rows[] = {
		{ "\"vmlinuz\"", "\" ~\"" },
		{ "timeout-ms = <60000>",
		  "drm = \"d\"; input = \"0123456789abcde" X16 X16 X16 X16 X16 X16 X16 X16 X16
			  X16 X16 X16 X16 X16 X16
		  "\", \"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\"" },
		{ "prefix = \"0900\"", "prefix = \"+48\"" },
		{ "prefix = \"0900\"", "prefix = \"0\"" },
		{ "kernel = \"vmlinuz\";",
		  "kernel = \"/v/vmlinuz\"; initrd = \"i\"; cmdline = \"\"; no-rng;" },
		{ "memory = \"512M\"", "memory = \"64M\"" },
		{ "memory = \"512M\"", "memory = \"1024G\"" },
		{ "cpus = <1>", "cpus = <64>" },
		{ "cpus = <1>",
		  "net = \"tap0\"; vsock = \"3,path=v\"; balloon = \"1M\"; share = \"socket=s,tag=t\"; console = \"a,socket=a\", \"b,socket=b\"" },
		{ "\"d.img,readonly\"", "\"socket=/run/disk\", \"/dev/vg/a,,b,serial=1\"" },
		{ "kind = \"terminal\";",
		  "kind = \"terminal\"; rows = <100>; columns = <256>; restart;" },
		{ "timeout-ms = <60000>",
		  "timeout-ms = <1000>; dead-time-ms = <500>; phrase-file = \"p\"; layout = \"de\"; drm = \"/dev/dri/card0\"; input = \"/dev/input/event0\", \"e\"; restart" },
		{ "\"audit\";",
		  "\"audit\"; segment-bytes = \"64K\"; keep-bytes = \"128K\"; checkpoint-every = <1>; restart;" },
		{ "\"audit\";", "\"audit\"; keep-bytes = \"32M\";" },
		{ "modem = \"modem\"", "modem = \"/dev/ttyUSB0\"; restart" },
		{ "trunk = \"0\"", "trunk = \"\"" },
		{ "prefix = \"112\"", "prefix = \"+1234567890\"" },
		{ "class = \"premium\";",
		  "class = \"premium\"; cents-per-minute = <100000>; cents-per-call = <1>;" },
		{ "class = \"premium\"", "class = \"short\"; cents-per-call = <1>" },
		{ "\"phone\"", "\"a-name-of-23-characters\"" },
		{ "linux: linux {", "linux: a-name-of-23-characters {" },
		{ "slots = <8>", "slots = <256>" },
		{ "audit = \"digest\"", "sync; audit = \"digest\"" },
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		static const char more[] =
			"/ { binaries { zwinger-net = \"" HASH "\"; zwinger-console = \"" HASH
			"\"; zwinger-vsock = \"" HASH "\"; zwinger-balloon = \"" HASH
			"\"; }; };\n";
		char both[2048];

		snprintf(both, sizeof(both), "%s%s", measured, more);
		save("measured.dtsi", both, strlen(both));
		save_changed(rows[i].from, rows[i].to);
		if (outcome("phone.dts")[0] != '\0')
			print_error("row: %s\n", rows[i].to);
		assert_string_equal(outcome("phone.dts"), "");
	}
	save("measured.dtsi", measured, strlen(measured));
}

/* Of a VM with each of its devices, the texts and the programs. */
static void test_devices(void **state)
{
	static const char *const programs[] = { "zwinger-vmm", "zwinger-rng", "zwinger-blk",
						"zwinger-net", "zwinger-console" };
	const char *list[MANIFEST_PROGRAMS];
	const struct manifest_process *vm = &m.process[4];

	(void)state;
	save("measured.dtsi", "", 0);
	save_changed("\"d.img,readonly\"",
		     "\"d.img\", \"socket=s\", \"e.img\"; net = \"passt\"; console = \"hvc\"");
	(void)outcome("phone.dts"); /* no hashes, but all else is there */
	assert_int_equal(vm->vm.device_count, 5);
	assert_string_equal(vm->vm.device[2].value, "e.img");
	assert_string_equal(vm->vm.device[3].option, "net");
	assert_int_equal(manifest_programs(vm, list), COUNT(programs));
	for (unsigned i = 0; i < COUNT(programs); i++)
		assert_string_equal(list[i], programs[i]);
	save_changed("\"d.img,readonly\"", "\"socket=s\"; no-rng; share = \"/srv,tag=t\"");
	(void)outcome("phone.dts");
	assert_int_equal(manifest_programs(vm, list), 1);
	assert_int_equal(manifest_programs(&m.process[0], list), 1);
	assert_string_equal(list[0], "zwinger-audit");
	save("measured.dtsi", measured, strlen(measured));
}

static void test_order(void **state)
{
	static const struct {
		const char *from, *to, *order;
	} rows[] = {
		{ "kind = \"auditor\"", "kind = \"auditor\"; after = <&linux>",
		  "screen dialler terminal linux auditor " },
		{ "kind = \"display\"", "kind = \"display\"; after = <&term>",
		  "auditor dialler terminal screen linux " },
		{ "kind = \"display\"", "kind = \"display\"; after = <&log &dialler>",
		  "auditor dialler screen terminal linux " },
		{ "kind = \"dialler\"", "kind = \"dialler\"; after = <&term>, <&linux>",
		  "auditor screen terminal linux dialler " },
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		char order[256] = "";

		save_changed(rows[i].from, rows[i].to);
		assert_string_equal(outcome("phone.dts"), "");
		for (unsigned k = 0; k < m.process_count; k++)
			sprintf(order + strlen(order), "%s ", m.process[k].name);
		assert_string_equal(order, rows[i].order);
		assert_string_equal(m.process[m.channel[0].from].name, "linux");
		assert_string_equal(m.process[m.channel[0].to].name, "dialler");
	}
}

static void test_bad(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (unsigned i = 0; i < COUNT(bad); i++) {
		const char *is;

		save_changed(bad[i].from, bad[i].to);
		is = outcome("phone.dts");
		if (strcmp(is, bad[i].logged) == 0)
			continue;
		print_error("%s -> %s\n  is:     %s\n  wanted: %s\n", bad[i].from, bad[i].to,
			    is, bad[i].logged);
		failed++;
	}
	assert_int_equal(failed, 0);
}

#define N7(n) 200 + n, 200 + n, 200 + n, 200 + n, 200 + n, 200 + n, 200 + n

static void test_too_many(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(too_many); i++) {
		static char to[16384];
		size_t len = 0;

		for (unsigned n = 0; n <= too_many[i].fit; n++) {
			snprintf(to + len, sizeof(to) - len, "%s", too_many[i].from);
			if (n == too_many[i].fit) {
				save_changed(too_many[i].from, to);
				assert_string_not_equal(outcome("phone.dts"),
							too_many[i].logged);
				assert_true(!too_many[i].good ||
					    outcome("phone.dts")[0] == '\0');
			}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			len += (size_t)snprintf(to + len, sizeof(to) - len, too_many[i].each,
						N7(n), N7(n));
#pragma GCC diagnostic pop
		}
		snprintf(to + len, sizeof(to) - len, "%s", too_many[i].from);
		save_changed(too_many[i].from, to);
		assert_string_equal(outcome("phone.dts"), too_many[i].logged);
	}
}

static void test_not_source(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(not_source); i++) {
		const char *text;

		save_changed(not_source[i].from, not_source[i].to);
		text = outcome("phone.dts");
		assert_non_null(strstr(text, not_source[i].logged));
		assert_non_null(strstr(text, "\nphone.dts: dtc does not take it"));
	}
}

static void test_files(void **state)
{
	static char big[(256 << 10) + 1];

	(void)state;
	assert_string_equal(outcome("none.dts"),
			    "none.dts: cannot open it: No such file or directory");
	assert_string_equal(outcome("."), ".: is no file");
	assert_int_equal(mkfifo("pipe", 0600), 0);
	assert_string_equal(outcome("pipe"), "pipe: is no file");
	save("empty.dtb", "", 0);
	assert_string_equal(outcome("empty.dtb"),
			    "empty.dtb: /: is no flattened device tree: FDT_ERR_TRUNCATED");
	save("magic.dtb", "\xd0\x0d\xfe\xed", 4);
	assert_string_equal(outcome("magic.dtb"),
			    "magic.dtb: /: is no flattened device tree: FDT_ERR_TRUNCATED");
	save("big.dts", big, sizeof(big));
	assert_string_equal(outcome("big.dts"), "big.dts: more than 262144 bytes are too many");
	no_dtc = true;
	save("phone.dts", good, strlen(good));
	assert_string_equal(outcome("phone.dts"),
			    "phone.dts: dtc, which compiles it, is not installed; mend it: "
			    "apt-get install device-tree-compiler");
	no_dtc = false;
}

/* From elsewhere, and as a .dtb: the lines of one, and the name of the other. */
static void test_places(void **state)
{
	char far[300] = "";

	(void)state;
	assert_int_equal(mkdir("sub", 0700), 0);
	save("sub/measured.dtsi", measured, strlen(measured));
	save("sub/phone.dts", good, strlen(good));
	assert_string_equal(outcome("sub/phone.dts"), "");
	assert_string_equal(m.directory, "sub/");
	assert_int_equal(m.process[4].line, 6);
	for (unsigned i = 0; i < 125; i++)
		strcat(far, "./");
	strcat(far, "sub/phone.dts"); /* its directory has 254 characters */
	assert_string_equal(outcome(far), "");
	assert_int_equal(strlen(m.directory), 254);
	memmove(far + 2, far, strlen(far) + 1);
	assert_string_equal(outcome(far),
			    "phone.dts:2: /: the path of its directory is too long");
	assert_int_equal(system("dtc -q -o sub/phone.dtb sub/phone.dts"), 0);
	assert_string_equal(outcome("sub/phone.dtb"), "");
	assert_int_equal(m.process[4].line, 0);
	assert_int_equal(m.channel[0].line, 0);
	save_changed("cpus = <1>", "cpus = <0>");
	assert_int_equal(system("dtc -q -o phone.dtb phone.dts"), 0);
	assert_string_equal(
		outcome("phone.dtb"),
		"phone.dtb: /processes/linux: cpus: is not one number from 1 to 64, "
		"like <1>");
}

/* A text that looks like dtc's own remarks, before what is wrong. */
static void test_lines_of_odd_texts(void **state)
{
	(void)state;
	save_changed("kernel = \"vmlinuz\";\n\t\t\tmemory = \"512M\";",
		     "kernel = \"; }; /* a.dts:99 */ { /* b.dts:98 */\";\n"
		     "\t\t\tcmdline = \"x\\\";\\n/processes/linux {\";\n"
		     "\t\t\tlabel: memory = \"1M\";");
	assert_string_equal(
		outcome("phone.dts"),
		"phone.dts:9: /processes/linux: cmdline: is not one text of 0 to 4095 "
		"printable ASCII characters");
	save_changed("kernel = \"vmlinuz\";\n\t\t\tmemory = \"512M\";",
		     "kernel = \"; }; /* a.dts:99 */ { /* b.dts:98 */\";\n"
		     "\t\t\tlabel: memory = \"1M\";");
	assert_string_equal(
		outcome("phone.dts"),
		"phone.dts:9: /processes/linux: memory: is not a text like \"64M\", "
		"from 65536K to 1024G");
}

/* ---- trees that dtc does not write ---- */

static _Alignas(8) char tree[16384];

static bool parses(const char *path)
{
	(void)path;
	return manifest_parse(&m, tree, fdt_totalsize(tree));
}

enum odd {
	TWO_MODELS,
	TWO_KERNELS,
	TWO_HASHES,
	TWO_PROCESS_LISTS,
	TWO_OF_A_NAME,
	TWO_NUMBERS,
	SAME_PHANDLE,
	SHORT_PHANDLE,
	NO_NAME,
	NO_PROCESSES,
	EMPTY_PROCESSES,
	ENDLESS_TEXT,
	ODD_REFERENCE,
	BARE_ROOT,
	RESERVED,
};

/* As much of a manifest as it takes to get there. */
static void build(enum odd odd)
{
	uint32_t phandle = 1;

	assert_int_equal(fdt_create(tree, sizeof(tree)), 0);
	if (odd == RESERVED)
		fdt_add_reservemap_entry(tree, 4096, 4096);
	fdt_finish_reservemap(tree);
	fdt_begin_node(tree, "");
	if (odd != BARE_ROOT) {
		fdt_property_string(tree, "compatible", "zwinger,system-1");
		fdt_property_string(tree, "model", "phone");
	}
	if (odd == TWO_MODELS)
		fdt_property_string(tree, "model", "phone");
	for (int i = 0; i < (odd == NO_PROCESSES ? 0 : odd == TWO_PROCESS_LISTS ? 2 : 1); i++) {
		fdt_begin_node(tree, "processes");
		for (int k = 0; k < (odd == EMPTY_PROCESSES ? 0 : 2); k++) {
			fdt_begin_node(tree, odd == NO_NAME		      ? ""
					     : k == 0 || odd == TWO_OF_A_NAME ? "one"
									      : "two");
			if (odd == TWO_NUMBERS)
				fdt_property_string(tree, "kind", "dialler");
			else
				fdt_property_string(tree, "kind", "vm");
			if (odd == SHORT_PHANDLE)
				fdt_property(tree, "phandle", "\1", 1);
			else
				fdt_property_u32(tree, "phandle",
						 odd == SAME_PHANDLE ? 1 : phandle++);
			if (odd == ODD_REFERENCE)
				fdt_property(tree, "after", "\0\0\0\1\0", 5);
			if (odd == ENDLESS_TEXT)
				fdt_property(tree, "kernel", "vmlinuz", 7);
			else if (odd != TWO_NUMBERS)
				fdt_property_string(tree, "kernel", "vmlinuz");
			if (odd == TWO_KERNELS)
				fdt_property_string(tree, "kernel", "other");
			if (odd == TWO_NUMBERS) {
				fdt_property_string(tree, "modem", "m");
				fdt_property_string(tree, "country", "+49");
				fdt_property_string(tree, "international", "00");
				fdt_property_string(tree, "trunk", "0");
			}
			for (int n = 0; n < (odd == TWO_NUMBERS ? 2 : 0); n++) {
				fdt_begin_node(tree, "numbers");
				fdt_begin_node(tree, "a");
				fdt_property_string(tree, "prefix", "112");
				fdt_property_string(tree, "class", "emergency");
				fdt_end_node(tree);
				fdt_end_node(tree);
			}
			fdt_end_node(tree);
		}
		fdt_end_node(tree);
	}
	fdt_begin_node(tree, "binaries");
	for (int i = 0; i < (odd == TWO_HASHES ? 2 : 1); i++)
		fdt_property_string(tree, "zwinger-vmm", HASH);
	fdt_end_node(tree);
	fdt_end_node(tree);
	assert_int_equal(fdt_finish(tree), 0);
}

static void test_odd_trees(void **state)
{
	static const struct {
		enum odd odd;
		const char *logged;
	} rows[] = {
		{ TWO_MODELS, "/: model: is given twice" },
		{ TWO_KERNELS, "/processes/one: kernel: is given twice" },
		{ TWO_HASHES, "/binaries: zwinger-vmm: is given twice" },
		{ TWO_PROCESS_LISTS, "/processes: is given twice" },
		{ TWO_OF_A_NAME, "/processes/one: the name looks like 'one'" },
		{ TWO_NUMBERS, "/processes/one/numbers: is given twice" },
		{ SAME_PHANDLE, "/processes/two: phandle: is another process's too" },
		{ SHORT_PHANDLE,
		  "/processes/one: phandle: is not what dtc makes of a reference" },
		{ NO_NAME,
		  "/processes/: a name is 1 to 23 of a-z, 0-9 and '-', which is not the first" },
		{ NO_PROCESSES, "/processes: is missing" },
		{ EMPTY_PROCESSES, "/processes: is empty" },
		{ ENDLESS_TEXT,
		  "/processes/one: kernel: is not one text of 1 to 255 printable ASCII characters" },
		{ ODD_REFERENCE,
		  "/processes/one: after: is not references to processes, like <&auditor>" },
		{ BARE_ROOT,
		  "/: compatible: is missing; it is one text of 1 to 19 printable ASCII characters" },
		{ RESERVED, "/: is not of version 17, has more behind it, or reserves memory" },
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		bool ok;

		build(rows[i].odd);
		assert_string_equal(logged(parses, "", &ok), rows[i].logged);
		assert_false(ok);
	}
}

/* A tree cut anywhere, or with any byte changed, is refused or read, and nothing worse. */
static void test_damaged(void **state)
{
	static _Alignas(8) char whole[sizeof(tree)];
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC), kept = dup(STDERR_FILENO);
	size_t size;
	int fd;

	(void)state;
	save("phone.dts", good, strlen(good));
	assert_int_equal(system("dtc -q -o phone.dtb phone.dts"), 0);
	fd = open("phone.dtb", O_RDONLY | O_CLOEXEC);
	size = (size_t)read(fd, whole, sizeof(whole));
	close(fd);
	assert_true(manifest_parse(&m, whole, size));
	dup2(null, STDERR_FILENO);
	for (size_t cut = 0; cut < size; cut++)
		assert_false(manifest_parse(&m, whole, cut));
	for (size_t i = 0; i < size; i++) {
		memcpy(tree, whole, size);
		tree[i] = (char)(tree[i] ^ 1 << i % 8);
		(void)!manifest_parse(&m, tree, size);
	}
	memcpy(tree, whole, size);
	assert_false(manifest_parse(&m, tree, size + 1)); /* something behind it */
	dup2(kept, STDERR_FILENO);
	close(kept), close(null);
}

/* ---- zwinger show ---- */

static char printed[65536];

/* Its exit status; what it prints is in printed[] and the file "out". */
static int show(const char *const *words)
{
	char *argv[8] = { (char *)"zwinger", (char *)"show" };
	int argc = 2, kept, fd, status;
	ssize_t n;

	for (; *words != NULL; words++)
		argv[argc++] = (char *)*words;
	fflush(stdout);
	kept = dup(STDOUT_FILENO);
	fd = open("out", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	dup2(fd, STDOUT_FILENO);
	status = show_main(argc, argv);
	fflush(stdout);
	dup2(kept, STDOUT_FILENO);
	n = pread(fd, printed, sizeof(printed) - 1, 0);
	printed[n > 0 ? n : 0] = '\0';
	close(kept), close(fd);
	return status;
}
#define SHOW(...) show((const char *const[]){ __VA_ARGS__, NULL })

static const char *const table =
	"SYSTEM phone\n"
	"\n"
	"PROCESSES, in the order of their starts\n"
	"  name      kind      program           SHA-256       restart\n"
	"  auditor   auditor   zwinger-audit     0123456789ab  no\n"
	"    holds   directory audit, a view of every audited channel\n"
	"  screen    display   zwinger-display   0123456789ab  no\n"
	"    holds   a terminal that is attached to it\n"
	"  dialler   dialler   zwinger-dialler   0123456789ab  no\n"
	"    holds   modem modem, 2 rules about numbers\n"
	"  terminal  terminal  zwinger-terminal  0123456789ab  yes\n"
	"    holds   only its channels\n"
	"  linux     vm        zwinger-vmm       0123456789ab  no\n"
	"            device    zwinger-rng       0123456789ab  yes\n"
	"            device    zwinger-blk       0123456789ab  yes\n"
	"    holds   512M of memory, 1 CPU, kernel vmlinuz, disk d.img,readonly, rng\n"
	"\n"
	"CHANNELS\n"
	"  name     from -> to          messages         audit\n"
	"  out      linux -> dialler    64 x 56 bytes    full\n"
	"  in       dialler -> linux    8 x 56 bytes     digest\n"
	"  ask      dialler -> screen   16 x 120 bytes   full, sync\n"
	"  answer   screen -> dialler   16 x 40 bytes    decisions\n"
	"  keys     screen -> terminal  256 x 16 bytes   none\n"
	"  console  linux <> terminal   stream of bytes  none\n"
	"  grid     terminal -> screen  screen of cells  none\n"
	"\n"
	"TRUST\n"
	"  untrusted terminal, linux,\n"
	"            every device, and all that runs in a virtual machine\n"
	"  trusted   auditor, screen, dialler,\n"
	"            zwinger, the host's kernel and who administers it\n";

static void test_table(void **state)
{
	(void)state;
	save_changed("kind = \"terminal\"", "kind = \"terminal\"; restart");
	assert_int_equal(SHOW("phone.dts"), STATUS_OK);
	assert_string_equal(printed, table);
}

/* With names that are not too long, no line is longer than a terminal is wide. */
static void test_width(void **state)
{
	(void)state;
	save_changed("disk = \"d.img,readonly\"",
		     "initrd = \"a-rather-long-name-of-a-file\"; disk = "
		     "\"file=/srv/images/debian.img,readonly\", \"socket=/run/disk\", "
		     "\"another.img\", \"one-more.img\"");
	assert_int_equal(SHOW("phone.dts"), STATUS_OK);
	for (char *next = printed, *line; (line = strsep(&next, "\n")) != NULL;)
		assert_in_range(strlen(line), 0, 80);
}

static void test_drawing(void **state)
{
	static const char *const parts[] = {
		"digraph \"phone\" {",
		"subgraph cluster_untrusted",
		"subgraph cluster_trusted",
		"\"linux\" -> \"dialler\" [label=\"out\\nfull\"];",
		"\"screen\" -> \"terminal\" [label=\"keys\\nnot audited\"];",
		"\"linux\" -> \"terminal\" [label=\"console\\nnot audited\", dir=both];",
		"\"linux/zwinger-blk\" [label=\"zwinger-blk\"];",
	};

	(void)state;
	save("phone.dts", good, strlen(good));
	assert_int_equal(SHOW("--dot", "phone.dts"), STATUS_OK);
	for (unsigned i = 0; i < COUNT(parts); i++)
		assert_non_null(strstr(printed, parts[i]));
	/* A person's side and the guest's: each process is in exactly one. */
	assert_true(strstr(printed, "\"linux\" [") < strstr(printed, "cluster_trusted"));
	assert_true(strstr(printed, "\"terminal\" [") < strstr(printed, "cluster_trusted"));
	assert_true(strstr(printed, "\"screen\" [") > strstr(printed, "cluster_trusted"));
	assert_true(strstr(printed, "\"dialler\" [") > strstr(printed, "cluster_trusted"));
	if (system("command -v dot >/dev/null") == 0) {
		assert_int_equal(system("dot -Tsvg out >out.svg"), 0);
		assert_int_equal(system("grep -q '<svg' out.svg"), 0);
	} else {
		print_message("Graphviz is not installed: its opinion is not asked\n");
	}
}

static bool show_fails(const char *words)
{
	if (words[0] == '\0')
		return show((const char *const[]){ NULL }) != STATUS_USAGE;
	return SHOW(words, "--dot") != STATUS_USAGE;
}

static void test_usage(void **state)
{
	bool other;

	(void)state;
	assert_string_equal(logged(show_fails, "", &other),
			    "a file is needed: zwinger show FILE");
	assert_false(other);
	assert_non_null(
		strstr(logged(show_fails, "--dott", &other), "unknown option '--dott'"));
	assert_false(other);
	assert_non_null(
		strstr(logged(show_fails, "none.dts", &other), "none.dts: cannot open it"));
	assert_false(other);
	assert_int_equal(SHOW("--help"), STATUS_OK);
	assert_non_null(strstr(printed, "--dot"));
}

/* The one that comes with Zwinger. */
/* A manifest of the tree is read, shown in 80 columns, and has so many processes. */
static const char *shipped(const char *path, const char *name, unsigned processes)
{
	static char text[32768];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	assert_in_range(n, 1, sizeof(text) - 2);
	text[n] = '\0';
	save(name, text, (size_t)n);
	assert_string_equal(outcome(name), "");
	assert_int_equal(m.process_count, processes);
	assert_int_equal(SHOW(name), STATUS_OK);
	for (char *next = printed, *line; (line = strsep(&next, "\n")) != NULL;)
		assert_in_range(strlen(line), 0, 80);
	return text;
}

static void test_phone(void **state)
{
	(void)state;
	(void)shipped(PHONE, "phone.dts", 5);
}

/* What is changed in the desk, and what is said then. */
static const struct {
	const char *from, *to, *logged;
} bad_desk[] = {
	{ "DE02120300000000202051", "DE03120300000000202051",
	  "account: is no IBAN without blanks, like \"DE02120300000000202051\"" },
	{ "account = \"DE02120300000000202051\";", "", "showpay: account: is missing" },
	{ "directory = \"store\";", "", "storage: directory: is missing" },
	{ "directory = \"store\";", "directory = \"store\"; tpm = \"/dev/tpmrm0\";",
	  "tpm-index: is missing" },
	{ "directory = \"store\";", "directory = \"store\"; tpm-index = <0x1500001>;",
	  "tpm: is missing" },
	{ "directory = \"store\";", "directory = \"store\"; tries = <6>;",
	  "tries: is not one number from 1 to 5" },
	{ "kind = \"auth\";", "kind = \"auth\"; directory = \"x\";",
	  "directory: a process of kind \"auth\" must not have it" },
	/* attack_I18: a PIN in the log is refused before anything starts. */
	{ "pin { from = <&screen>; to = <&auth>; audit = \"decisions\"; };",
	  "pin { from = <&screen>; to = <&auth>; audit = \"full\"; };",
	  "a PIN has no place in a log: only \"decisions\"" },
	{ "verified { from = <&storage>; to = <&auth>; audit = \"decisions\"; sync; };",
	  "verified { from = <&storage>; to = <&auth>; audit = \"full\"; };",
	  "a PIN has no place in a log: only \"decisions\"" },
	/* Who signs hears what was drawn from the display itself. */
	{ "pay-drawn { from = <&screen>; to = <&storage>; audit = \"full\"; sync; };", "",
	  "storage: it needs one channel of link \"messages\" from a process of kind \"display\"" },
	{ "pay-drawn { from = <&screen>", "pay-drawn { from = <&linux>",
	  "nothing goes from kind \"vm\" to kind \"storage\"" },
	{ "pin { from = <&screen>", "pin { from = <&showpay>",
	  "nothing goes from kind \"showpay\" to kind \"auth\"" },
	{ "pay-answer { from = <&screen>; to = <&showpay>; audit = \"full\"; sync; };", "",
	  "pay-question: there is no channel back" },
};

static void test_desk(void **state)
{
	const char *desk = shipped(DESK, "desk.dts", 8);
	static char text[65536];
	unsigned failed = 0;

	(void)state;
	for (unsigned i = 0; i < COUNT(bad_desk); i++) {
		const char *at = strstr(desk, bad_desk[i].from);
		int n;

		assert_non_null(at);
		n = snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - desk), desk,
			     bad_desk[i].to, at + strlen(bad_desk[i].from));
		save("desk.dts", text, (size_t)n);
		if (strstr(outcome("desk.dts"), bad_desk[i].logged) != NULL)
			continue;
		print_error("%s -> %s: %s\n", bad_desk[i].from, bad_desk[i].to,
			    outcome("desk.dts"));
		failed++;
	}
	assert_int_equal(failed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_channels),
		cmocka_unit_test(test_all_properties),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_not_source),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_lines_of_odd_texts),
		cmocka_unit_test(test_odd_trees),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_drawing),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_phone),
		cmocka_unit_test(test_desk),
	};
	char directory[] = "/tmp/manifest.XXXXXX", remove[64];
	int failed;

	if (mkdtemp(directory) == NULL || chdir(directory) < 0)
		return 1;
	log_init("t");
	save("measured.dtsi", measured, strlen(measured));
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(remove, sizeof(remove), "rm -rf %s", directory);
	return system(remove) != 0 || failed != 0;
}

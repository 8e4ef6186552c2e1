/* SPDX-License-Identifier: ISC */
/* A boot sector of ours: says its name on the serial port and then does one thing, DO. */
	.code16
	.text
	.globl _start
_start:
	ljmp	$0, $1f
1:	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movw	$0x7c00, %sp
	movw	$name, %si
	call	say
#if DO == 1			/* power off */
	movw	$0x600, %dx
	movb	$0x34, %al
	outb	%al, %dx
#elif DO == 2			/* back to the firmware: no operating system here */
	int	$0x18
#elif DO == 3			/* reset as a PC does; the second time, which the disk tells, power off */
	incb	flag
	cmpb	$2, flag
	je	off
	movw	$own, %si
	movb	$0x43, %ah
	int	$0x13
	movb	$0xfe, %al
	outb	%al, $0x64
1:	jmp	1b
off:	movw	$fine, %si
	call	say
	movw	$0x600, %dx
	movb	$0x34, %al
	outb	%al, %dx
#elif DO == 4			/* read sector 4000, which a truncated image has not */
	movw	$packet, %si
	movb	$0x42, %ah
	int	$0x13
	movw	$fine, %si
	jnc	1f
	movw	$failed, %si
1:	call	say
	movw	$0x600, %dx
	movb	$0x34, %al
	outb	%al, %dx
#elif DO == 5			/* wait two ticks of the PIT's counter 2 of 50 ms each, by port 0x61 */
	movw	$2, %cx
2:	inb	$0x61, %al
	andb	$0xfc, %al
	orb	$1, %al
	outb	%al, $0x61
	movb	$0xb0, %al
	outb	%al, $0x43
	movw	$59659, %ax
	outb	%al, $0x42
	movb	%ah, %al
	outb	%al, $0x42
3:	inb	$0x61, %al
	testb	$0x20, %al
	jz	3b
	loop	2b
	movw	$fine, %si
	call	say
	movw	$0x600, %dx
	movb	$0x34, %al
	outb	%al, %dx
#endif
1:	jmp	1b

say:	pushw	%dx
	movw	$0x3f8, %dx
1:	lodsb
	testb	%al, %al
	jz	2f
	outb	%al, %dx
	jmp	1b
2:	popw	%dx
	ret

name:	.ascii	NAME
	.asciz	"\r\n"
fine:	.asciz	"as it should\r\n"
failed:	.asciz	"read failed\r\n"
packet:	.byte	16, 0
	.word	1, 0x8000, 0
	.quad	4000
own:	.byte	16, 0
	.word	1, 0x7c00, 0
	.quad	0
flag:	.byte	0
	.org	510
	.word	0xaa55

/* SPDX-License-Identifier: ISC */
/*
 * Entered at GUEST_START as a 64-bit kernel is; makes page tables, segments and vectors its own,
 * goes to ring 3 if that is where the operation belongs, and calls microguest().
 */
#define CODE	0x08
#define DATA	0x10
#define USER_DATA 0x1b
#define USER_CODE 0x23
#define IOPL_3	0x3000
#define TRAMPOLINE 0x8000

	.section .start, "awx"
	.globl _start, enter_ring_3
_start:
	jmp	1f
	.org	16
	.globl	parameters
parameters:
	.fill	64
	.quad	tables			/* GUEST_TABLES */
1:	lgdt	gdt_register(%rip)
	lidt	idt_register(%rip)
	lea	tables(%rip), %rax
	mov	%rax, %cr3
	mov	$DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	lea	stack_0(%rip), %rsp
	pushq	$CODE
	lea	2f(%rip), %rax
	pushq	%rax
	lretq
2:	call	prepare
	cmpl	$3, parameters + 4(%rip)
	jne	3f
	pushq	$USER_DATA
	lea	stack_3(%rip), %rax
	pushq	%rax
	pushq	$IOPL_3 + 2
	pushq	$USER_CODE
	lea	3f(%rip), %rax
	pushq	%rax
	iretq
	/* Who enters ring 3 by himself sets RFLAGS, segments and CR3 like that. */
	.org	0x100			/* GUEST_RING_3 */
enter_ring_3:
	lea	stack_3(%rip), %rsp
3:	cld
	call	microguest
	ud2

/* The second processor begins at TRAMPOLINE, in real mode, where prepare() has copied this. */
	.globl trampoline, trampoline_end
	.code16
trampoline:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	lgdtl	TRAMPOLINE + trampoline_gdt - trampoline
	mov	%cr4, %eax
	or	$0x20, %eax		/* PAE */
	mov	%eax, %cr4
	mov	TRAMPOLINE + trampoline_root - trampoline, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx	/* EFER */
	rdmsr
	or	$0x100, %eax		/* LME */
	wrmsr
	mov	%cr0, %eax
	or	$0x80000001, %eax	/* PG, PE */
	and	$0x9fffffff, %eax	/* caches on */
	mov	%eax, %cr0
	ljmpl	$CODE, $second
trampoline_root:
	.long	tables
trampoline_gdt:
	.word	gdt_end - gdt - 1
	.long	gdt
trampoline_end:

	.code64
second:
	mov	$DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	lea	stack_1(%rip), %rsp
	lidt	idt_register(%rip)
	call	second_processor
	ud2

/* Every interrupt's: when it came, what its end cost, that it came. */
	.globl	interrupt
interrupt:
	push	%rax
	push	%rdx
	push	%rcx
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	mov	%rax, interrupt_at(%rip)
	mov	$0xfee000b0, %ecx	/* end of interrupt */
	rdtsc
	push	%rax
	movl	$0, (%rcx)
	rdtsc
	pop	%rcx
	sub	%ecx, %eax
	mov	%eax, interrupt_end_cost(%rip)
	incq	interrupt_count(%rip)
	incq	parameters + 32(%rip)	/* woken */
	pop	%rcx
	pop	%rdx
	pop	%rax
	iretq

	.data
	.balign	16
gdt:	.quad	0
	.quad	0x00af9b000000ffff	/* CODE */
	.quad	0x00cf93000000ffff	/* DATA */
	.quad	0x00cff3000000ffff	/* USER_DATA */
	.quad	0x00affb000000ffff	/* USER_CODE */
gdt_end:
	.globl	gdt_register, idt_register, idt
gdt_register:
	.word	gdt_end - gdt - 1
	.quad	gdt
	.balign	8
idt_register:
	.word	0x41 * 16 - 1
	.quad	idt

/* 4 GiB as they are, in pages of 2 MiB, for ring 3 too. */
	.balign	4096
	.globl	tables
tables:
	.quad	directory_pointers + 7
	.fill	511, 8, 0
directory_pointers:
	.quad	directories + 7, directories + 0x1007, directories + 0x2007, directories + 0x3007
	.fill	508, 8, 0
directories:
	.set	page, 0x87
	.rept	2048
	.quad	page
	.set	page, page + 0x200000
	.endr

	.bss
	.balign	4096
idt:	.skip	4096
	.skip	8192
stack_0: .skip	8192
stack_1: .skip	8192
stack_3: .skip	16
	.section .note.GNU-stack, "", @progbits

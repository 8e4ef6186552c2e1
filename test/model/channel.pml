/* SPDX-License-Identifier: ISC */
/*
 * The protocol of lib/chan.h: stamps, copies, bells, and audit before delivery; for SPIN. A slot
 * holds a stamp and a message; the reader takes number n only if the log's slot and the writer's
 * both bear stamp n+1 and hold the same. A bell is a counter that silence() empties.
 *
 * HOSTILE_WRITER, HOSTILE_AUDITOR: that side writes anything into its own page at any time.
 * Mutants, each of which check.sh expects to fail: NO_LOOK_AGAIN (sleep without a second look),
 * NO_COMPARE (the log alone is believed), DELIVER_FIRST (the auditor logs afterwards),
 * NO_INVALIDATION (a slot of the log keeps its stamp while it is written over).
 */
#define SLOTS 2
#if defined(HOSTILE_WRITER) || defined(HOSTILE_AUDITOR)
#define LAST 3 /* messages: number n is n, 0 to LAST - 1 */
#else
#define LAST 5
#endif

byte data_stamp[SLOTS], data_message[SLOTS];
byte log_stamp[SLOTS], log_message[SLOTS];
byte received;		/* the ack page */
bool waiting;		/* the writer waits for room */
byte bell_writer, bell_auditor, bell_reader;
byte logged[LAST + 1];	/* the log file: what it holds of each number, + 1; 0: nothing yet */
byte taken;		/* how many the reader has taken */

inline ring(bell) { bell = 1 }

#ifndef HOSTILE_WRITER
active proctype writer()
{
	byte sent = 0;

	do
	:: sent < LAST ->
		if
		:: sent - received < SLOTS ->
			data_message[sent % SLOTS] = sent;
			data_stamp[sent % SLOTS] = sent + 1;
			sent++;
			ring(bell_auditor)
		:: else ->
			waiting = true;
#ifndef NO_LOOK_AGAIN
			if
			:: sent - received < SLOTS -> waiting = false
			:: else -> bell_writer > 0; bell_writer = 0; waiting = false
			fi
#else
			bell_writer > 0; bell_writer = 0; waiting = false
#endif
		fi
	:: else -> break
	od
}
#else
active proctype writer()
{
	byte slot, value;

	do
	:: atomic { if :: slot = 0 :: slot = 1 fi; if :: value = 0 :: value = 1 :: value = 2 :: value = 3 fi; data_stamp[slot] = value; slot = 0; value = 0 }
	:: atomic { if :: slot = 0 :: slot = 1 fi; if :: value = 0 :: value = 1 fi; data_message[slot] = value; slot = 0; value = 0 }
	:: ring(bell_auditor)
	:: break
	od
}
#endif

#ifndef HOSTILE_AUDITOR
active proctype auditor()
{
	byte n = 0, message;

end:	do
	:: n < LAST && data_stamp[n % SLOTS] == n + 1 ->
		message = data_message[n % SLOTS];
#ifdef DELIVER_FIRST
		log_message[n % SLOTS] = message;
		log_stamp[n % SLOTS] = n + 1;
		logged[n] = message + 1;
#else
		logged[n] = message + 1;
#ifndef NO_INVALIDATION
		log_stamp[n % SLOTS] = 0; /* a writer that runs ahead makes this slot change under the reader */
#endif
		log_message[n % SLOTS] = message;
		log_stamp[n % SLOTS] = n + 1;
#endif
		n++;
		ring(bell_reader)
	:: n < LAST && data_stamp[n % SLOTS] != n + 1 ->
		bell_auditor > 0;
		bell_auditor = 0
	:: n == LAST -> break
	od
}
#else
active proctype auditor()
{
	byte slot, value;

	do
	:: atomic { if :: slot = 0 :: slot = 1 fi; if :: value = 0 :: value = 1 :: value = 2 :: value = 3 fi; log_stamp[slot] = value; slot = 0; value = 0 }
	:: atomic { if :: slot = 0 :: slot = 1 fi; if :: value = 0 :: value = 1 :: value = 2 :: value = 3 fi; log_message[slot] = value; slot = 0; value = 0 }
	:: ring(bell_reader)
	:: break
	od
}
#endif

active proctype reader()
{
	byte message, other, stamp;

end:	do
	:: taken == LAST -> break
	:: taken < LAST ->
		stamp = log_stamp[taken % SLOTS];
		if
		:: stamp == taken + 1 ->
			message = log_message[taken % SLOTS];
			if
			:: log_stamp[taken % SLOTS] != taken + 1 -> break
			:: else
			fi;
#ifndef NO_COMPARE
			if
			:: data_stamp[taken % SLOTS] != taken + 1 -> break /* broken: closed for good */
			:: else
			fi;
			other = data_message[taken % SLOTS];
			if
			:: other != message -> break
			:: else
			fi;
#endif
#ifndef HOSTILE_AUDITOR
			/* Logged, and exactly this, before it is delivered. */
			assert(logged[taken] == message + 1);
#endif
#ifndef HOSTILE_WRITER
			/* What was sent under this number: none lost, twice or out of order. */
			assert(message == taken);
#endif
			taken++;
			received = taken;
			if
			:: waiting -> ring(bell_writer)
			:: else
			fi
		:: stamp == 0 || (taken >= SLOTS && stamp == taken + 1 - SLOTS) ->
			bell_reader > 0;
			bell_reader = 0
		:: else -> break
		fi
	od
}

#if !defined(HOSTILE_WRITER) && !defined(HOSTILE_AUDITOR)
/* No wake-up is lost: in the end everything has been taken. */
ltl everything { <> (taken == LAST) }
#endif

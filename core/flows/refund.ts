/**
 * An operator gives back what a job was charged, or a part of it, once, and the budget of the job's month gets it back
 * too. Two stores take part, so the order of writes makes it happen once:
 * 1. a note in the tenant's gate, under a token of its own, says what is to be done. A crash here leaves a refund that
 *    nobody was told of; the sweep finishes it;
 * 2. the ledger takes one refund a job, and it carries the token of the note that it came from: this write decides
 *    whose refund it is. A crash here leaves the budget short; the sweep finishes it;
 * 3. removing the note corrects the month's counter, in one write, under "still this note", and only for the note whose
 *    token the ledger has. A note is removed once, and no two notes share a token: so the budget is corrected once.
 */
import type { RefundNote } from '../admission/refund-note.ts';
import { jobOfRefundNote, readRefundNote, refundNoteName, refundNoteText } from '../admission/refund-note.ts';
import type { CounterCorrection } from '../admission/reservation.ts';
import { mayForgetCounter, monthOf, spendCounter } from '../admission/windows.ts';
import type { JobEntry } from '../billing/ledger.ts';
import { refundEntryOf } from '../billing/ledger.ts';
import { monthsBetween } from '../billing/usage.ts';
import { AppError } from '../errors.ts';
import { usageLimits } from '../limits.ts';
import type { Gates } from '../ports/gates.ts';
import type { Jobs } from '../ports/jobs.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Clock, Ids } from '../ports/process.ts';

export interface RefundPorts {
  readonly clock: Clock;
  readonly gates: Gates;
  readonly ids: Ids;
  readonly jobs: Pick<Jobs, 'get'>;
  readonly ledger: Ledger;
}

export interface RefundAsk {
  readonly tenantId: string;
  readonly jobId: string;
  /** null: the whole charge. */
  readonly usdMicros: number | null;
  readonly reason: string;
}

export type RefundOutcome =
  | { readonly kind: 'refunded'; readonly entry: JobEntry }
  /** Given back before: by an earlier call or by a try of this one whose answer was lost. */
  | { readonly kind: 'refunded_before'; readonly entry: JobEntry; readonly askedUsdMicros: number }
  | { readonly kind: 'no_job' }
  /** The job has not ended, or cost nothing. */
  | { readonly kind: 'no_charge' }
  | { readonly kind: 'above_charge'; readonly chargedUsdMicros: number };

export async function refund(ports: RefundPorts, ask: RefundAsk): Promise<RefundOutcome> {
  const { tenantId, jobId, reason } = ask;
  const charge = await findCharge(ports, tenantId, jobId);
  if (charge === null) return { kind: 'no_job' };
  if (charge === 'none' || charge.usdMicros === 0) return { kind: 'no_charge' };
  const usdMicros = ask.usdMicros ?? charge.usdMicros;
  if (usdMicros > charge.usdMicros) return { kind: 'above_charge', chargedUsdMicros: charge.usdMicros };
  const earlier = await ports.ledger.refund(tenantId, charge.month, jobId);
  if (earlier !== null) return { kind: 'refunded_before', entry: earlier, askedUsdMicros: usdMicros };

  const given = { usdMicros, reason, atMs: ports.clock.nowMs(), token: ports.ids.nonce() };
  const budgetUsdMicros = Math.min(usdMicros, charge.reservedUsdMicros);
  const text = refundNoteText({ month: charge.month, budgetUsdMicros, ...given });
  const name = refundNoteName(jobId);
  if ((await ports.gates.note(tenantId, name, text)) === 'noted') {
    const entry = await finishRefund(ports, tenantId, { name, text });
    if (entry !== null) return { kind: 'refunded', entry };
  }
  const entry = await finishAnother(ports, charge);
  // Ours: it was noted, its answer lost, and somebody finished it for us before it was sent again.
  if (entry.refund?.token === given.token) return { kind: 'refunded', entry };
  return { kind: 'refunded_before', entry, askedUsdMicros: usdMicros };
}

/** Another call came first, or finished ours. If its note still stands, finishing it is safe, and the quickest way to its refund. */
async function finishAnother(ports: RefundPorts, { tenantId, month, jobId }: JobEntry): Promise<JobEntry> {
  const name = refundNoteName(jobId);
  const text = (await ports.gates.read(tenantId))?.open[name];
  if (text !== undefined) await finishRefund(ports, tenantId, { name, text });
  const entry = await ports.ledger.refund(tenantId, month, jobId);
  if (entry === null) throw new AppError('unavailable', { privateDetail: 'a refund note came to nothing' });
  return entry;
}

/**
 * Steps 2 and 3, for whoever finds the note; doing it twice changes nothing. The refund that came from this note, or
 * null when the job's refund came from another.
 */
export async function finishRefund(
  ports: Pick<RefundPorts, 'clock' | 'gates' | 'ledger'>,
  tenantId: string,
  { name, text }: { readonly name: string; readonly text: string },
): Promise<JobEntry | null> {
  const jobId = jobOfRefundNote(name);
  const note = readRefundNote(text);
  // A note that cannot be read is none that this flow wrote; it must not stand in the gate for ever.
  const entry = note === null || jobId === null ? null : await enter(ports, tenantId, jobId, note);
  const corrections = note === null || entry === null ? [] : correctionsOf(note, ports.clock.nowMs());
  await ports.gates.release(tenantId, name, { token: text, corrections, finishTag: null });
  return entry;
}

/** The ledger's refund of the job if it came from this note, now or before. */
async function enter(
  { ledger }: Pick<RefundPorts, 'ledger'>,
  tenantId: string,
  jobId: string,
  { month, usdMicros, atMs, reason, token }: RefundNote,
): Promise<JobEntry | null> {
  const charge = await ledger.charge(tenantId, month, jobId);
  if (charge === null) return null;
  const entry = refundEntryOf(charge, usdMicros, atMs, { reason, token });
  if ((await ledger.append(entry)) === 'appended') return entry;
  const stored = await ledger.refund(tenantId, month, jobId);
  return stored?.refund?.token === token ? stored : null;
}

/** A counter that may be gone by now is left alone: no admission asks for it any more. */
function correctionsOf({ month, budgetUsdMicros }: RefundNote, nowMs: number): CounterCorrection[] {
  const counter = spendCounter(month);
  return mayForgetCounter(counter, nowMs) ? [] : [{ counter, delta: -budgetUsdMicros }];
}

/** `none`: there is such a job, and no charge. Older jobs than their records are looked for month by month. */
async function findCharge(
  { clock, jobs, ledger }: RefundPorts,
  tenantId: string,
  jobId: string,
): Promise<JobEntry | 'none' | null> {
  const job = await jobs.get(tenantId, jobId, { consistent: true });
  if (job !== null) return (await ledger.charge(tenantId, monthOf(job.createdAtMs), jobId)) ?? 'none';
  for (const month of lastMonths(clock.nowMs())) {
    const charge = await ledger.charge(tenantId, month, jobId);
    if (charge !== null) return charge;
  }
  return null;
}

/** As many as a report of usage may span, the latest first. */
function lastMonths(nowMs: number): string[] {
  const now = new Date(nowMs);
  const fromMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - (usageLimits.monthsMax - 1), 1);
  return monthsBetween(fromMs, nowMs + 1).toReversed();
}

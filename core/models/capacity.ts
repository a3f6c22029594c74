/**
 * How many tenants a card serves at once: so many can each have a job running in the same moment. More tenants than
 * that share the card in turn, as they do without any allotment.
 */
import type { MemoryFigures, Quant } from './memory.ts';
import { imagePeakMb, plannableMb, residentMb } from './memory.ts';
import type { Sizing } from './sizing.ts';

/** What a model takes, however it is known. */
export interface Footprint {
  /** Resident once in every runner that holds the model; adapters that may stay are counted. */
  readonly weightsMb: number;
  /** What one running job takes on top of the weights. */
  readonly jobMb: number;
  /** By how much less a tenant with a runner of its own was seen to take; 0 where one figure is known. */
  readonly spreadMb: number;
  /** A tenth of the card is kept back; not so where the figures were read off full cards. */
  readonly hasReserve: boolean;
}

export interface Capacity {
  /** One runner for all: the weights are there once. */
  readonly shared: Fit;
  /** A runner for each tenant, with a copy of the weights. */
  readonly process: Fit;
  /** Jobs that one call of the shared runner takes, whoever's they are; null: their memory bounds them not. */
  readonly jobsInOneCall: number | null;
}

export interface Fit {
  /** null: nothing that a job takes bounds them. */
  readonly tenants: number | null;
  /** Where each takes as little as was seen; equal to `tenants` where one figure is known. */
  readonly tenantsAtBest: number | null;
  /** What each tenant takes or is allotted. */
  readonly eachMb: number;
  /** The allotment is too small for a single job, so no card holds a tenant. */
  readonly isAllotmentTooSmall: boolean;
}

/** @param allotmentMb what each tenant is allotted; null: what one job takes */
export function capacityOf(cardMb: number, footprint: Footprint, allotmentMb: number | null): Capacity {
  const { weightsMb, jobMb, spreadMb, hasReserve } = footprint;
  const plannable = hasReserve ? plannableMb(cardMb) : cardMb;
  return {
    shared: divide(plannable - weightsMb, { needMb: jobMb, spreadMb: 0, allotmentMb }),
    process: divide(plannable, { needMb: weightsMb + jobMb, spreadMb, allotmentMb }),
    jobsInOneCall: howMany(plannable - weightsMb, jobMb),
  };
}

function divide(
  roomMb: number,
  ask: { readonly needMb: number; readonly spreadMb: number; readonly allotmentMb: number | null },
): Fit {
  const eachMb = ask.allotmentMb ?? ask.needMb;
  if (eachMb < ask.needMb) return { tenants: 0, tenantsAtBest: 0, eachMb, isAllotmentTooSmall: true };
  const leastMb = ask.allotmentMb ?? ask.needMb - ask.spreadMb;
  return {
    tenants: howMany(roomMb, eachMb),
    tenantsAtBest: howMany(roomMb, leastMb),
    eachMb,
    isAllotmentTooSmall: false,
  };
}

/** A job of one picture of so many pixels, or of one answer, by the figures of a manifest. */
export function manifestFootprint(memory: MemoryFigures, pixels: number): Footprint {
  const peakMb = memory.per_answer_mb ?? imagePeakMb(memory, pixels);
  return { weightsMb: residentMb(memory), jobMb: peakMb, spreadMb: 0, hasReserve: true };
}

/** Null where the table has no figure for weights of this form. */
export function sizingFootprint(
  { weights, use, quant }: Sizing,
  ask: { readonly quant: Quant; readonly pixels: number; readonly isEncoderOffloaded: boolean },
): Footprint | null {
  const [asked, base] = [weights[ask.quant], weights[quant]];
  if (asked === undefined || base === undefined) return null;
  const weightsMb = asked.mb - (ask.isEncoderOffloaded ? (asked.encoderMb ?? 0) : 0);
  if (use.kind === 'images') {
    const rows = (ask.isEncoderOffloaded ? use.perImageOffloaded : undefined) ?? use.perImage;
    const peakMb = imagePeakMb({ per_image: rows }, ask.pixels);
    return { weightsMb, jobMb: peakMb, spreadMb: 0, hasReserve: true };
  }
  // What is left of a share without the weights that it was read with is the tenant's own: cache and activations.
  return {
    weightsMb,
    jobMb: use.highMb - base.mb,
    spreadMb: use.highMb - use.lowMb,
    hasReserve: false,
  };
}

/** A job that takes nothing is bound by nothing; one whose weights do not fit has no room at all. */
function howMany(roomMb: number, eachMb: number): number | null {
  if (roomMb < 0) return 0;
  return eachMb === 0 ? null : Math.floor(roomMb / eachMb);
}

/** What `capacity` answers, for programs and for people. */
import type { Fit } from '#core/models/capacity.ts';
import { capacityOf } from '#core/models/capacity.ts';
import { reservePercent } from '#core/models/memory.ts';
import type { CapacityAsk } from './footprint.ts';
import { formatGb } from './format.ts';
import { fields, table } from './table.ts';

/** The answer of `--json`. */
export function capacityAnswer(ask: CapacityAsk) {
  const { card, footprint } = ask;
  const { shared, process, jobsInOneCall } = capacityOf(card.memoryMb, footprint, ask.allotmentMb);
  return {
    gpu: { name: ask.gpu, memory_gb: card.memoryMb / 1000, instances: card.instances },
    model: ask.model,
    quant: ask.quant,
    size: ask.size,
    gpu_memory_gb: ask.allotmentMb === null ? null : ask.allotmentMb / 1000,
    weights_gb: footprint.weightsMb / 1000,
    job_gb: footprint.jobMb / 1000,
    reserve_percent: footprint.hasReserve ? reservePercent : 0,
    shared: fitAnswer(shared),
    process: fitAnswer(process),
    jobs_in_one_call:
      ask.batchMax === null ? jobsInOneCall : Math.min(ask.batchMax, jobsInOneCall ?? ask.batchMax),
    source: ask.source,
  };
}

type CapacityAnswer = ReturnType<typeof capacityAnswer>;

function fitAnswer({ tenants, tenantsAtBest, eachMb, isAllotmentTooSmall }: Fit) {
  return {
    tenants,
    tenants_at_best: tenantsAtBest,
    each_gb: eachMb / 1000,
    allotment_too_small: isAllotmentTooSmall,
  };
}

export function capacityText(answer: CapacityAnswer): string {
  const { gpu, quant, size } = answer;
  const head = fields([
    ['card', `${gpu.name}, ${gpu.memory_gb} GB (${gpu.instances.join(', ')}), ${reserveText(answer)}`],
    ['model', [answer.model, ...(quant === null ? [] : [quant])].join(', ')],
    ['weights', gb(answer.weights_gb)],
    ['one job', `${gb(answer.job_gb)} on top${size === null ? '' : `, a picture of ${size} px`}`],
    ['in one call', `${answer.jobs_in_one_call ?? 'any number of'} jobs`],
    ['figures', answer.source.text],
  ]);
  const rows = [
    ['shared', ...cells(answer.shared), 'one runner, the weights once'],
    ['process', ...cells(answer.process), 'a runner and a copy of the weights each'],
  ];
  return `${head}\n\n${table(['ISOLATION', 'TENANTS AT ONCE', 'EACH', 'HOW'], rows)}`;
}

function cells({
  tenants,
  tenants_at_best: best,
  each_gb,
  allotment_too_small,
}: CapacityAnswer['shared']): string[] {
  const each = gb(each_gb);
  if (allotment_too_small) return ['0', `${each}, too little for one job`];
  if (tenants === null) return ['any number', each];
  return [best === tenants ? String(tenants) : `${tenants} (up to ${best})`, each];
}

function reserveText({ reserve_percent: percent }: CapacityAnswer): string {
  return percent === 0
    ? 'the figures include what a runner takes for itself'
    : `${percent} % of it kept back`;
}

function gb(value: number): string {
  return formatGb(value * 1000);
}

/** What `capacity` is asked about: the card, and what a model takes of it by the best figures that can be had. */
import type { Model } from '#client/schema.ts';
import type { Footprint } from '#core/models/capacity.ts';
import { manifestFootprint, sizingFootprint } from '#core/models/capacity.ts';
import type { Card } from '#core/models/cards.ts';
import { cardNames, findCard } from '#core/models/cards.ts';
import type { Quant } from '#core/models/memory.ts';
import { quants } from '#core/models/memory.ts';
import { findSizing, sizings } from '#core/models/sizing.ts';
import { CliError, usageError } from './cli-error.ts';
import { oneOf, wholeNumber } from './command.ts';
import type { Session } from './session.ts';
import { memoryGb } from './tenancy-input.ts';

export interface FootprintValues {
  readonly gpu: string | undefined;
  readonly model: string | undefined;
  readonly quant: string | undefined;
  readonly size: string | undefined;
  readonly 'gpu-memory': string | undefined;
  readonly 'offload-encoder': boolean;
}

export interface CapacityAsk {
  readonly gpu: string;
  readonly card: Card;
  /** As the figures' source names it. */
  readonly model: string;
  readonly quant: Quant | null;
  /** Side of a picture; null for models that make none. */
  readonly size: number | null;
  readonly footprint: Footprint;
  readonly allotmentMb: number | null;
  /** Jobs in one call whatever their memory; null where nobody says. */
  readonly batchMax: number | null;
  readonly source: { readonly kind: 'manifest' | 'sizing_table'; readonly text: string };
}

const sizeDefault = 512;
const sizeMax = 16_384;

/** Throws a usage error for a card or a model that nobody knows, listing those that are known. */
export async function readFootprint(session: Session, values: FootprintValues): Promise<CapacityAsk> {
  const gpu = required('gpu', values.gpu, cardNames);
  const model = required('model', values.model, Object.keys(sizings));
  const card = findCard(gpu);
  if (card === null)
    throw usageError(`there is no card "${gpu}" in the table; it has: ${cardNames.join(', ')}`);
  const quant = oneOf('quant', quants, values.quant) ?? null;
  const size = wholeNumber('size', values.size) ?? null;
  if (size !== null && (size < 1 || size > sizeMax))
    throw usageError(`--size is from 1 to ${sizeMax}, not ${size}`);
  const allotment = values['gpu-memory'];
  const allotmentMb = allotment === undefined ? null : Math.round(memoryGb('gpu-memory', allotment) * 1000);

  const ask = { model, quant, size, isEncoderOffloaded: values['offload-encoder'] };
  const found = await fromDeployment(session, ask);
  const known = found.kind === 'models' ? ofManifest(found.models, ask) : ofTable(ask, found.reason);
  return { gpu, card, allotmentMb, ...known };
}

interface ModelAsk {
  readonly model: string;
  readonly quant: Quant | null;
  readonly size: number | null;
  readonly isEncoderOffloaded: boolean;
}

type Known = Omit<CapacityAsk, 'gpu' | 'card' | 'allotmentMb'>;

/** Every model of the deployment if it has this one; else why the table is to be asked. */
async function fromDeployment(session: Session, { model }: ModelAsk) {
  try {
    const { body } = await session.client.call('listModels', {});
    if (body.data.some(({ id }) => id === model)) return { kind: 'models', models: body.data } as const;
    const others = body.data.map(({ id }) => id).join(', ');
    return { kind: 'none', reason: `the deployment does not have it (it has: ${others || 'none'})` } as const;
  } catch (error) {
    if (!(error instanceof CliError) || !['credentials_missing', 'unreachable'].includes(error.code))
      throw error;
    const reason = error.code === 'unreachable' ? error.message : 'no credentials of one were found';
    return { kind: 'none', reason: `no deployment was asked: ${reason}` } as const;
  }
}

function ofManifest(models: readonly Model[], { model, quant, size, isEncoderOffloaded }: ModelAsk): Known {
  if (isEncoderOffloaded) {
    throw usageError(
      '--offload-encoder goes with models of the sizing table; a manifest says what its model takes',
    );
  }
  const forms = models.filter(({ id, variant }) => id === model || variant?.of === model);
  const chosen = forms.find(({ id, variant }) => (quant === null ? id === model : variant?.quant === quant));
  if (chosen === undefined) {
    const known = forms.flatMap(({ variant }) => variant?.quant ?? []).join(', ') || 'none';
    throw usageError(`the deployment has no ${quant} variant of ${model}; it has: ${known}`);
  }
  const side = size ?? defaultSize(chosen) ?? sizeDefault;
  return {
    model: chosen.id,
    quant: chosen.variant?.quant ?? null,
    size: side,
    footprint: manifestFootprint(chosen.memory, side * side),
    batchMax: chosen.batch_max,
    source: {
      kind: 'manifest',
      text: `the deployment's manifest of ${chosen.id}, revision ${chosen.revision}`,
    },
  };
}

function ofTable({ model, quant, size, isEncoderOffloaded }: ModelAsk, reason: string): Known {
  const sizing = findSizing(model);
  if (sizing === null) {
    const known = Object.keys(sizings).join(', ');
    throw usageError(`nothing is known of the model "${model}": ${reason}; the sizing table has: ${known}`);
  }
  const makesPictures = sizing.use.kind === 'images';
  if (size !== null && !makesPictures)
    throw usageError(`--size goes with image models, and ${model} is none`);
  if (isEncoderOffloaded && !makesPictures) {
    throw usageError(`--offload-encoder goes with image models, and ${model} is none`);
  }
  const side = size ?? sizeDefault;
  const form = quant ?? sizing.quant;
  const footprint = sizingFootprint(sizing, { quant: form, pixels: side * side, isEncoderOffloaded });
  if (footprint === null) {
    const known = Object.keys(sizing.weights).join(', ');
    throw usageError(`the sizing table has no ${form} of ${model}; it has: ${known}`);
  }
  return {
    model,
    quant: form,
    size: makesPictures ? side : null,
    footprint,
    batchMax: null,
    source: { kind: 'sizing_table', text: `the sizing table (${sizing.source}); ${reason}` },
  };
}

function defaultSize({ input_schema }: Model): number | null {
  const { properties } = input_schema;
  const size =
    typeof properties === 'object' && properties !== null && 'size' in properties ? properties.size : null;
  const value = typeof size === 'object' && size !== null && 'default' in size ? size.default : null;
  return typeof value === 'number' ? value : null;
}

function required(name: string, text: string | undefined, known: readonly string[]): string {
  if (text !== undefined && text !== '') return text;
  throw usageError(`--${name} is missing; one of: ${known.join(', ')}`);
}

// biome-ignore-all lint/performance/noBarrelFile: the one entry of a package that programs of others import
/** The API of a Pilotlight deployment, typed from its OpenAPI document. */
export type { Client, ClientOptions } from './client.ts';
export { createClient } from './client.ts';
export type { WaitOptions } from './jobs.ts';
export { RefusedError, waitForJob } from './jobs.ts';
export type {
  Adapter,
  Batch,
  components,
  Error as ErrorBody,
  File,
  Job,
  JobList,
  Model,
  operations,
  paths,
} from './schema.ts';

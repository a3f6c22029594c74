/**
 * The OpenAPI 3.1 document of the route table. Pure: the same table and version give the same document, byte for
 * byte, which is what lets a test hold the committed file to it.
 */

import * as z from 'zod';
import { falErrorSchema } from '../dialects/fal/error.ts';
import { inputSchema } from '../dialects/fal/request.ts';
import { resultSchema } from '../dialects/fal/result.ts';
import { statusSchema } from '../dialects/fal/status.ts';
import { jwksSchema } from '../dialects/fal/webhook.ts';
import { chatCompletionSchema, chatRequestSchema } from '../dialects/openai/chat.ts';
import { completionRequestSchema, completionSchema } from '../dialects/openai/completions.ts';
import { imageRequestSchema, imagesSchema } from '../dialects/openai/images.ts';
import { problemSchema } from '../dialects/replicate/error.ts';
import {
  modelPageSchema,
  modelSchema as replicateModelSchema,
  versionPageSchema,
  versionSchema,
} from '../dialects/replicate/model.ts';
import { predictionPageSchema, predictionSchema } from '../dialects/replicate/prediction.ts';
import { modelPredictionRequestSchema, predictionRequestSchema } from '../dialects/replicate/request.ts';
import {
  runpodHealthSchema,
  runpodJobSchema,
  runpodPurgeSchema,
  runpodStreamSchema,
} from '../dialects/runpod/job.ts';
import { runpodRequestSchema } from '../dialects/runpod/request.ts';
import { acceptedTaskSchema, generateRequestSchema, taskSchema } from '../dialects/simple/task.ts';
import type { RequestErrorCode } from '../errors.ts';
import { requestErrors } from '../errors.ts';
import { apiLimits } from '../limits.ts';
import { adapterRequestSchema, adapterSchema, offeredAdapterSchema } from './adapter-resource.ts';
import { batchRequestSchema, batchSchema } from './batch-resource.ts';
import { costsSchema } from './costs-resource.ts';
import { errorFormOf } from './error-form.ts';
import { errorSchema } from './error-resource.ts';
import { examples } from './examples.ts';
import { fileRequestSchema, fileSchema, offeredFileSchema } from './file-resource.ts';
import { metadataQueryPrefix } from './job-query.ts';
import { jobListSchema, jobRequestSchema, jobSchema } from './job-resource.ts';
import type { Json, JsonObject } from './json.ts';
import { ledgerEntrySchema, refundRequestSchema } from './ledger-resource.ts';
import { limitsSchema } from './limits-resource.ts';
import { modelListSchema, modelSchema } from './model-resource.ts';
import { poolSchema, prewarmRequestSchema, workerSchema } from './pool-resource.ts';
import type { Answer, Route } from './route.ts';
import { routeList, routes } from './routes.ts';
import {
  aliasSchema,
  keySchema,
  newKeySchema,
  planSchema,
  promptPolicyRequestSchema,
  promptPolicySchema,
  tenantChangeSchema,
  tenantRequestSchema,
  tenantSchema,
} from './tenancy-resource.ts';
import { usageSchema } from './usage-resource.ts';
import { warmupRequestSchema, warmupSchema } from './warmup-resource.ts';
import { deliverySchema, newWebhookSchema, webhookRequestSchema, webhookSchema } from './webhook-resource.ts';

/** Schemas with a name of their own. What a client sends is described before defaults are filled in. */
const requestSchemas = [
  jobRequestSchema,
  chatRequestSchema,
  completionRequestSchema,
  imageRequestSchema,
  runpodRequestSchema,
  generateRequestSchema,
  predictionRequestSchema,
  modelPredictionRequestSchema,
  inputSchema,
  adapterRequestSchema,
  fileRequestSchema,
  batchRequestSchema,
  webhookRequestSchema,
  tenantRequestSchema,
  tenantChangeSchema,
  prewarmRequestSchema,
  refundRequestSchema,
  warmupRequestSchema,
  promptPolicyRequestSchema,
];
const answerSchemas = [
  jobSchema,
  chatCompletionSchema,
  completionSchema,
  imagesSchema,
  runpodJobSchema,
  runpodStreamSchema,
  runpodHealthSchema,
  runpodPurgeSchema,
  acceptedTaskSchema,
  taskSchema,
  predictionSchema,
  predictionPageSchema,
  modelPageSchema,
  replicateModelSchema,
  versionPageSchema,
  versionSchema,
  problemSchema,
  statusSchema,
  resultSchema,
  jwksSchema,
  falErrorSchema,
  routes.replicateGetWebhookSecret.answers[200].schema,
  adapterSchema,
  offeredAdapterSchema,
  fileSchema,
  offeredFileSchema,
  batchSchema,
  webhookSchema,
  newWebhookSchema,
  deliverySchema,
  jobListSchema,
  modelSchema,
  modelListSchema,
  limitsSchema,
  usageSchema,
  warmupSchema,
  costsSchema,
  tenantSchema,
  planSchema,
  promptPolicySchema,
  keySchema,
  newKeySchema,
  aliasSchema,
  poolSchema,
  workerSchema,
  ledgerEntrySchema,
  errorSchema,
  routes.getHealth.answers[200].schema,
];

const description = `Every request carries \`Authorization: Bearer <key>\`, but where a route asks for no key.
Unknown fields are refused, except under \`metadata\`. Every answer has \`x-request-id\`; send it with a question.
Repeat a submission safely with \`Idempotency-Key\`. Poll a job, or wait for it with \`?wait=n\` or \`Prefer: wait\`.`;

export function openapiDocument({ version }: { readonly version: string }): JsonObject {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Pilotlight',
      version,
      description,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ key: [] }],
    tags: [...new Set(routeList.map(({ tag }) => tag))].map((name) => ({ name })),
    paths: pathsOf(routeList),
    components: {
      securitySchemes: {
        key: {
          type: 'http',
          scheme: 'bearer',
          description: 'An API key, `plk_…`; `Key` and `Token` work too',
        },
      },
      headers: sharedHeaders,
      schemas: {
        ...Object.fromEntries(requestSchemas.map((schema) => [nameOf(schema), schemaOf(schema, 'input')])),
        ...Object.fromEntries(answerSchemas.map((schema) => [nameOf(schema), schemaOf(schema, 'output')])),
      },
    },
  };
}

const sharedHeaders: JsonObject = {
  'x-request-id': { ...header('Names this request in our logs'), required: true },
  'retry-after': header('Seconds to wait before asking again'),
  'www-authenticate': { ...header('`Bearer`: how to send the key'), required: true },
  allow: header('Methods that the path takes'),
};

function pathsOf(list: readonly Route[]): JsonObject {
  const paths: Record<string, JsonObject> = {};
  for (const route of list) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return paths;
}

function operationOf(route: Route): JsonObject {
  const parameters = [
    ...parametersOf('path', route.params),
    ...parametersOf('query', route.query),
    ...parametersOf('header', route.headers),
  ];
  return {
    operationId: route.id,
    summary: route.isIdempotent === undefined ? route.summary : `${route.summary}; idempotent`,
    ...(route.isIdempotent === undefined ? {} : { 'x-idempotent': true }),
    ...(route.query !== undefined && takesMetadata(route.query)
      ? { description: `Also filters by \`${metadataQueryPrefix}<key>=<value>\`.` }
      : {}),
    tags: [route.tag],
    ...(route.scope === null ? { security: [] } : { 'x-scope': route.scope }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined ? {} : { requestBody: requestBodyOf(route, route.body) }),
    ...(route.isFile === undefined ? {} : { requestBody: fileBodyOf(route) }),
    responses: { ...answersOf(route), ...errorAnswersOf(route) },
  };
}

function parametersOf(place: 'path' | 'query' | 'header', fields: z.ZodObject | undefined): JsonObject[] {
  return Object.entries(fields?.shape ?? {}).map(([name, schema]) => {
    const { description: text, ...type } = schemaOf(schema, 'output');
    return {
      name: place === 'header' ? headerName(name) : name,
      in: place,
      required: !z.safeParse(schema, undefined).success,
      ...(text === undefined ? {} : { description: text }),
      schema: type,
    };
  });
}

/** As people write it: `Idempotency-Key`. Names do not care about case. */
function headerName(name: string): string {
  return name.replaceAll(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}

function takesMetadata(query: z.ZodObject): boolean {
  return query.safeParse({ [`${metadataQueryPrefix}k`]: 'v' }).success;
}

function requestBodyOf(route: Route, schema: z.ZodType): JsonObject {
  return {
    required: !z.safeParse(schema, undefined).success,
    description: `At most ${apiLimits.bodyBytesMax / 1024} KiB`,
    content: {
      'application/json': { schema: refOf(schema, 'input'), ...exampleOf(route.id, 'request') },
      ...(route.form === undefined
        ? {}
        : { 'multipart/form-data': { schema: schemaOf(route.form, 'input') } }),
    },
  };
}

/** A file and nothing around it (OpenAPI 3.1: its media type says all that there is to say). */
function fileBodyOf({ formBytesMax = 0 }: Route): JsonObject {
  return {
    required: true,
    description: `The bytes of the file, at most ${formBytesMax / 1024 ** 2} MiB`,
    content: { 'application/octet-stream': {}, 'image/png': {}, 'image/jpeg': {}, 'image/webp': {} },
  };
}

function answersOf(route: Route): JsonObject {
  return Object.fromEntries(
    Object.entries(route.answers).map(([status, answer]) => [
      status,
      {
        description: answer.description,
        headers: {
          'x-request-id': sharedHeader('x-request-id'),
          ...Object.fromEntries(
            Object.entries(answer.headers ?? {}).map(([name, text]) => [name, header(text)]),
          ),
        },
        ...contentOf(route, status, answer),
      },
    ]),
  );
}

function contentOf(route: Route, status: string, { schema, orCsv, text, events }: Answer): JsonObject {
  const content: JsonObject = {
    ...(schema === undefined
      ? {}
      : { 'application/json': { schema: refOf(schema, 'output'), ...exampleOf(route.id, status) } }),
    ...(orCsv ? { 'text/csv': { schema: { type: 'string' } } } : {}),
    ...(text === undefined ? {} : { [text]: { schema: { type: 'string' } } }),
    ...(events === undefined
      ? {}
      : // Readers differ on whether it describes the text or each event of it, so it says nothing of a type.
        { 'text/event-stream': { schema: { description: events } } }),
  };
  return Object.keys(content).length === 0 ? {} : { content };
}

/** Answers that every route may give: before it is reached, or where something fails on our side. */
const errorsOfEveryRoute = ['headers_too_large', 'internal', 'unavailable'] as const;

/** One answer a status: several codes may share it. */
function errorAnswersOf(route: Route): JsonObject {
  const form = errorFormOf(route.path);
  const byStatus = Object.groupBy(
    [...new Set<RequestErrorCode>([...route.errors, ...errorsOfEveryRoute])],
    (code) => String(form.statusOf(code)),
  );
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, codes = []]) => [
      status,
      {
        description: codes.map((code) => `\`${code}\`: ${requestErrors[code].text}`).join(' '),
        headers: {
          'x-request-id': sharedHeader('x-request-id'),
          ...(status === '429' || status === '503' ? { 'retry-after': sharedHeader('retry-after') } : {}),
          ...(status === '401' ? { 'www-authenticate': sharedHeader('www-authenticate') } : {}),
        },
        content: { 'application/json': { schema: refOf(form.schema, 'output') } },
      },
    ]),
  );
}

function exampleOf(routeId: string, part: string): JsonObject {
  const example = examples[`${routeId} ${part}`];
  return example === undefined ? {} : { example };
}

function header(text: string): JsonObject {
  return { description: text, schema: { type: 'string' } };
}

function sharedHeader(name: string): JsonObject {
  return { $ref: `#/components/headers/${name}` };
}

/** A reference to a named schema, or the schema itself when it has no name. */
function refOf(schema: z.ZodType, io: 'input' | 'output'): JsonObject {
  return schema.meta()?.id === undefined ? schemaOf(schema, io) : { $ref: schemaPath(nameOf(schema)) };
}

function nameOf(schema: z.ZodType): string {
  const id = schema.meta()?.id;
  if (id === undefined) throw new Error('a schema of the API has no id');
  return id;
}

function schemaPath(id: string): string {
  return `#/components/schemas/${id}`;
}

/** Draft 2020-12, as OpenAPI 3.1 takes it, with named parts by reference into the components. */
function schemaOf(schema: z.core.$ZodType, io: 'input' | 'output'): JsonObject {
  const { $schema: _dialect, $defs, ...whole } = jsonObjectOf(z.toJSONSchema(schema, { io }), io);
  // A schema with a name comes as a reference to its own definition.
  const own = Object.entries(isObject($defs) ? $defs : {}).find(([name]) => whole.$ref === schemaPath(name));
  return isObject(own?.[1]) ? own[1] : whole;
}

/** Only the JSON of it, written for a reader of the document rather than for a validator of zod's making. */
function jsonObjectOf(schema: object, io: 'input' | 'output'): JsonObject {
  const json: Json = JSON.parse(JSON.stringify(schema), (_name, value: Json) =>
    isObject(value) ? readable(value, io) : value,
  );
  return isObject(json) ? json : {};
}

function readable(schema: JsonObject, io: 'input' | 'output'): JsonObject {
  const { $ref, ...beside } = schema;
  if (typeof $ref === 'string' && $ref.startsWith('#/$defs/')) {
    const name = $ref.slice('#/$defs/'.length);
    // The only schema that refers to itself without a name is "any JSON".
    return name.startsWith('__') ? beside : { $ref: schemaPath(name), ...beside };
  }
  const { minimum, maximum, pattern, propertyNames, ...kept } = schema;
  return {
    ...kept,
    ...(minimum === undefined || minimum === Number.MIN_SAFE_INTEGER ? {} : { minimum }),
    // Who sends a number must know where ours end; who reads one need not.
    ...(maximum === undefined || (io === 'output' && maximum === Number.MAX_SAFE_INTEGER) ? {} : { maximum }),
    ...patternOf(schema.format, pattern),
    ...(propertyNames === undefined || isPlainText(propertyNames) ? {} : { propertyNames }),
  };
}

/** A date's own pattern counts leap years, which its format says as well; that times are in UTC no format says. */
function patternOf(format: Json | undefined, pattern: Json | undefined): JsonObject {
  if (pattern === undefined || format === 'date') return {};
  return { pattern: format === 'date-time' ? 'Z$' : pattern };
}

function isPlainText(schema: Json): boolean {
  return isObject(schema) && Object.keys(schema).length === 1 && schema.type === 'string';
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

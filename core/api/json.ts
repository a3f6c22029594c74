/** Looks into JSON of a known kind; what is not there, or is of another kind, is empty. */
import type * as z from 'zod';

export type Json = z.core.util.JSONType;
export type JsonObject = { [name: string]: Json };

export function objectIn(json: Json | undefined): JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json) ? json : {};
}

export function entriesIn(json: Json | undefined): [name: string, value: JsonObject][] {
  return Object.entries(objectIn(json)).map(([name, value]) => [name, objectIn(value)]);
}

export function listIn(json: Json | undefined): Json[] {
  return Array.isArray(json) ? json : [];
}

export function textIn(json: Json | undefined): string {
  return typeof json === 'string' ? json : '';
}

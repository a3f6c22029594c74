/** How an item of the fake engine may fail. */
import * as z from 'zod';

/** Happens after the first step; `grow` after every one. */
export const faultSchema = z.enum(['crash', 'hang', 'oom', 'grow', 'nan', 'error']).optional();

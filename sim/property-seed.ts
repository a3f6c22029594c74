/**
 * Where a property's chance comes from, set up before every test file. A test run draws the same values each time, so that
 * a change makes it red and never chance: a counterexample found anew would stop a change that has nothing to do with it.
 * New values are what `npm run fuzz` is for; it sets the variable.
 */
import fc from 'fast-check';

/** `random`, or a number to draw from; unset, that of every test run. */
export const propertySeedEnv = 'PILOTLIGHT_PROPERTY_SEED';
const seedOfTestRuns = 20_261_122;

const asked = process.env[propertySeedEnv] ?? String(seedOfTestRuns);
if (asked !== 'random') fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(asked) });

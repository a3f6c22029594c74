/**
 * Everything that is said of the templates, in one file: loading the CDK and synthesizing takes seconds, and each test file is a
 * process of its own.
 */
import './fleet.suite.ts';
import './front-door.suite.ts';
import './going.suite.ts';
import './golden.suite.ts';
import './idle-cost.suite.ts';
import './invariants.suite.ts';
import './job-cost.suite.ts';
import './nag.suite.ts';
import './permissions.suite.ts';
import './tenant-role.suite.ts';
import './workers.suite.ts';

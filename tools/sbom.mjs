// Prints a CycloneDX bill of the npm packages that are shipped: those of the lock file that are not for development alone.
// npm's own `--omit dev` leaves out what a package of ours needs and another one names for its development (zod, undici).
import { spawnSync } from 'node:child_process';

const development = 'cdx:npm:package:development';

const npm = spawnSync('npm', ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx'], {
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'inherit'],
  maxBuffer: 64 * 1024 * 1024,
});
if (npm.status !== 0) process.exit(npm.status ?? 1);
console.log(JSON.stringify(shippedOf(JSON.parse(npm.stdout)), null, 2));

function shippedOf(bill) {
  const isShipped = ({ properties = [] }) => !properties.some(({ name }) => name === development);
  const components = bill.components.filter(isShipped);
  const kept = new Set([bill.metadata.component, ...components].map((each) => each['bom-ref']));
  const dependencies = bill.dependencies
    .filter(({ ref }) => kept.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((each) => kept.has(each)) }));
  return { ...bill, components, dependencies };
}

/** In most regions an account sees three zones and more; in these, two. */
const regionsOfTwoZones: readonly string[] = ['us-west-1', 'ca-west-1'];

/** How many zones of the region a fleet is spread over: the first ones, by name. */
export function zonesOf(region: string): number {
  return regionsOfTwoZones.includes(region) ? 2 : 3;
}

import type { Scene } from './scene.ts';
export async function damageCopy(_scene: Scene, _folder: string): Promise<void> {}

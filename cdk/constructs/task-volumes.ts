/**
 * What the two containers of a worker's task share, and who writes it. All but the weights is made with the task and gone with
 * it. A container that writes a folder must own it in the image, where Docker looks whose a new volume is to be.
 */
import type { MountPoint, Volume } from 'aws-cdk-lib/aws-ecs';
import { Scope } from 'aws-cdk-lib/aws-ecs';
import { weightsFolder, workerUser } from './instance-boot.ts';

const socketMib = 1;

/**
 * In memory, and apart from what runners fill: a full disk must not keep a worker from its runners. Pictures and caches are on
 * a disk, because all that lies in memory counts against the limit of who wrote it.
 */
const inMemory = {
  type: 'tmpfs',
  device: 'tmpfs',
  o: `size=${socketMib}m,mode=0700,uid=${workerUser},gid=${workerUser}`,
};

/** Its containers' folder, what Docker makes it of, and who may write. */
const volumes = {
  weights: { path: '/weights', writers: ['worker'], host: { sourcePath: weightsFolder } },
  /** The worker's own: what it compiles and runs, its ready file, adapters, which runners read. */
  scratch: { path: '/scratch', writers: ['worker'] },
  /** Of runners: their scratch folders, in which a worker lays and fetches files, and what they compile. Nothing of it is run by a worker. */
  runners: { path: '/runner', writers: ['worker', 'runner'] },
  socket: { path: '/run/pilotlight', writers: ['runner'], driverOpts: inMemory },
} as const;

export const runnerFolder = volumes.runners.path;
export const hostSocket = `${volumes.socket.path}/host.sock`;

export const taskVolumes: Volume[] = Object.entries(volumes).map(([name, volume]) => {
  if ('host' in volume) return { name, host: volume.host };
  const more = 'driverOpts' in volume ? { driverOpts: volume.driverOpts } : {};
  return { name, dockerVolumeConfiguration: { driver: 'local', scope: Scope.TASK, ...more } };
});

export function mountsOf(container: 'worker' | 'runner'): MountPoint[] {
  return Object.entries(volumes).map(([sourceVolume, { path, writers }]) => ({
    ...{ sourceVolume, containerPath: path },
    readOnly: !writers.some((writer) => writer === container),
  }));
}

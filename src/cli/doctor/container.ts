/** Containers: in a network of its own a process has one address, and rotation needs those of the host. */
import { warn, type Check } from './finding.ts';
import type { System } from './system.ts';

export const CONTAINER: Check = {
  name: 'container',
  examine: ({ system }) => {
    if (!inContainer(system) || !ownNetwork(system)) return [];
    return [
      warn(
        'this container has a network of its own, so the addresses of the host cannot be used: start it with --network host (in Kubernetes hostNetwork: true)',
        'docker run --network host …',
      ),
    ];
  },
};

function inContainer(system: System): boolean {
  return (
    system.list('/').includes('.dockerenv') ||
    system.list('/run').includes('.containerenv') ||
    /docker|kubepods|containerd|libpod/.test(system.read('/proc/1/cgroup') ?? '')
  );
}

/** Each interface is one end of a cable whose other end is elsewhere: `iflink` is the index of that one. */
function ownNetwork(system: System): boolean {
  const devices = system.list('/sys/class/net').filter((device) => device !== 'lo');
  const number = (device: string, file: string): string | undefined =>
    system.read(`/sys/class/net/${device}/${file}`)?.trim();
  return (
    devices.length > 0 && devices.every((device) => number(device, 'iflink') !== number(device, 'ifindex'))
  );
}

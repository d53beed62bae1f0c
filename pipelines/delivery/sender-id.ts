import { hostname } from 'node:os';

/** How a sender of this machine signs its leases. */
export function localSenderId(): string {
  return `${hostname()}:${process.pid}`;
}

/**
 * Whether a lease's sender was a process of this machine that has ended. Asked at boot, before senders start: our own
 * pid in a lease is then a predecessor's. A sender of another machine is never known to be gone.
 */
export function isGoneSender(senderId: string): boolean {
  const prefix = `${hostname()}:`;
  const pid = Number(senderId.slice(prefix.length));
  if (!senderId.startsWith(prefix) || !Number.isInteger(pid) || pid <= 0) return false;
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    // EPERM: it lives, as another user's.
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

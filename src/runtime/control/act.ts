/** What an operator does to an egress address: to the address, in all pools that have it. */
import type { EgressAction, EgressView } from '../../admin/api.ts';
import { ControlError } from '../../admin/control.ts';
import type { ByHand } from '../../egress/health/by-hand.ts';
import type { Membership } from '../membership.ts';
import { canonicalAddress } from './address.ts';
import type { Egresses } from './egresses.ts';

/** @throws ControlError */
export async function act(
  text: string,
  action: EgressAction,
  membership: Membership,
  egresses: Egresses,
): Promise<EgressView> {
  const address = canonicalAddress(text);
  const { slot, roll } = egresses.find(address);
  if (roll.isBlock(slot) && membership.table.address(slot) !== address) {
    const first = membership.table.address(slot);
    throw new ControlError(
      'invalid',
      `${address} is one of a block that is one egress: name the block by its first address, ${first}`,
    );
  }
  await perform(address, slot, action, membership.health.byHand);
  // A probe takes its time: the membership may be another one by now.
  const found = egresses.find(address);
  return egresses.view(found.pool, found.roll, found.slot);
}

async function perform(address: string, slot: number, action: EgressAction, byHand: ByHand): Promise<void> {
  switch (action) {
    case 'drain':
      byHand.drain(slot);
      return;
    case 'undrain':
      byHand.undrain(slot);
      return;
    case 'eject':
      if (byHand.eject(slot)) return;
      throw new ControlError('conflict', `${address} is drained already, and stays out: undrain it first`);
    // A probe.
    default:
      await byHand.probe(slot);
  }
}

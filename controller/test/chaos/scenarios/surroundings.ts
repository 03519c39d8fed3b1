/** What is around the processes: the engine and the way to it, the state's files, the disk, the clock. */
import type { ChaosScenario } from '../scenario.ts';
import { clockJump } from './clock-jump.ts';
import { diskFull } from './disk-full.ts';
import { engineEnded, engineEndedLiveRestore } from './engine-ended.ts';
import { ENGINE_FAULTS } from './engine-faults.ts';
import { networkByHand } from './network-by-hand.ts';
import { stateDamagedWhileDown, stateDamagedWhileRunning } from './state-damaged.ts';

export const SURROUNDINGS: readonly ChaosScenario[] = [
  engineEndedLiveRestore,
  engineEnded,
  ...ENGINE_FAULTS,
  stateDamagedWhileDown,
  stateDamagedWhileRunning,
  diskFull,
  clockJump,
  networkByHand,
];

/** Every scenario of `make chaos`, in the order of the table. */
import type { ChaosScenario } from '../scenario.ts';
import { controlPlaneKilled } from './control-plane-killed.ts';
import { engineEnded, engineEndedLiveRestore } from './engine-ended.ts';

export const SCENARIOS: readonly ChaosScenario[] = [controlPlaneKilled, engineEndedLiveRestore, engineEnded];

import { describeMission } from './mission.ts';

describeMission('the mission, with a window of 12 s', { name: 'mission', basePort: 18_100, windowSeconds: 12 });

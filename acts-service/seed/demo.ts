// What a demo holds. Decided here and nowhere else, from numbers alone: act n is the same act in every run with the same seed, so that
// a later run knows what is there already.
import { random, type Random } from './random.ts';

export interface DemoAct {
  readonly actId: number;
  readonly username: string;
  /** `DD-MM-YYYY:SS-MM-HH` */
  readonly timestamp: string;
  readonly caption: string;
  readonly categoryName: string;
  readonly scene: SceneKind;
  /** Which picture of that kind. */
  readonly variant: number;
  readonly votes: number;
}

export type SceneKind = 'forest' | 'sea' | 'bowl' | 'meadow' | 'street' | 'books' | 'park' | 'road';

/** So many pictures of each kind: more would only take time to draw. */
export const variants = 8;

export const usernames: readonly [string, ...string[]] = [
  'amara', 'ben', 'chiara', 'dilip', 'elif', 'farid', 'grace', 'hanna', 'ines', 'jonas', 'kavya', 'liam', 'mei', 'noor', 'olga',
  'pedro', 'quynh', 'rosa', 'sofia', 'tariq', 'uma', 'viktor', 'wanjiru', 'yuki',
]; // prettier-ignore

interface DemoCategory {
  readonly name: string;
  readonly scene: SceneKind;
  readonly captions: readonly [string, ...string[]];
  readonly places: readonly [string, ...string[]];
}

export const categories: readonly [DemoCategory, ...DemoCategory[]] = [
  {
    name: 'Trees planted',
    scene: 'forest',
    captions: ['Three young oaks', 'A row of birches', 'Our first apple tree', 'Twelve spruces before lunch', 'Willows for the bees'],
    places: ['behind the school', 'along the brook', 'on the old quarry', 'with the scouts', 'where the storm had been'],
  },
  {
    name: 'Beach clean-ups',
    scene: 'sea',
    captions: ['Two bags of plastic', 'Nets, ropes and one boot', 'Forty bottles', 'A whole tyre', 'Glass picked up by hand'],
    places: ['north of the pier', 'before the tourists woke', 'at low tide', 'with class 4b', 'after the storm'],
  },
  {
    name: 'Meals shared',
    scene: 'bowl',
    captions: ['Soup for eleven', 'Lentils and fresh bread', 'Sunday breakfast', 'Too much rice, happily', 'Pumpkin curry'],
    places: ['at the shelter', 'on our stairs', 'in the community kitchen', 'for the night shift', 'with new neighbours'],
  },
  {
    name: 'Animals helped',
    scene: 'meadow',
    captions: ['A lost lamb brought home', 'Water for the herd', 'Fence mended', 'A hedgehog carried over', 'Six hours of shearing'],
    places: ['near the mill', 'on the upper meadow', 'for old Marek', 'in the rain', 'before dusk'],
  },
  {
    name: 'For the neighbours',
    scene: 'street',
    captions: ['Shopping carried up', 'A gutter cleared', 'Snow shovelled', 'A bell that rings again', 'Windows washed'],
    places: ['for Mrs. Novak', 'in our street', 'at number 12', 'on the fourth floor', 'while they were ill'],
  },
  {
    name: 'Books given',
    scene: 'books',
    captions: ['Nine picture books', 'A whole encyclopaedia', 'Crime novels, well read', 'School books for two', 'An atlas'],
    places: ['to the library', 'for the waiting room', 'on the book tree', 'to the youth club', 'by post'],
  },
  {
    name: 'Parks tidied',
    scene: 'park',
    captions: ['Benches painted', 'The pond is clear', 'Leaves, leaves, leaves', 'A swing repaired', 'Bulbs for spring'],
    places: ['in the town park', 'by the playground', 'with the whole club', 'under the chestnuts', 'on a free Friday'],
  },
  {
    name: 'Rides given',
    scene: 'road',
    captions: ['To the hospital and back', 'Home from the last train', 'To the polling station', 'A sofa moved', 'Five to the match'],
    places: ['in the fog', 'for a stranger', 'over the pass', 'at four in the morning', 'with the windows down'],
  },
];

/** Far from the epoch milliseconds that apps use as ids, and exact as a double. */
const firstActId = 7_000_000_000_000_000;
const idsPerSeed = 10_000_000;

export const bounds = { acts: 1_000_000, seed: 100_000 } as const;

/** Act number `n`, from 0; dated within the year before `today`. */
export function demoAct(seed: number, n: number, today: Date): DemoAct {
  const dice = random(seed, n);
  const category = dice.pick(categories);
  return {
    actId: firstActId + seed * idsPerSeed + n,
    username: dice.pick(usernames),
    timestamp: timestamp(dice, today),
    caption: `${dice.pick(category.captions)} ${dice.pick(category.places)}`,
    categoryName: category.name,
    scene: category.scene,
    variant: dice.index(variants),
    // Most have a few, some have many.
    votes: Math.floor(12 * dice.next() ** 3),
  };
}

function timestamp(dice: Random, today: Date): string {
  const midnight = Date.UTC(today.getUTCFullYear(), today.getUTCMonth(), today.getUTCDate());
  // By day, and more of them lately.
  const days = 1 + Math.floor(365 * dice.next() ** 2);
  const at = new Date(midnight - days * 86_400_000 + Math.floor(dice.between(7, 21) * 3_600_000));
  const two = (number: number): string => String(number).padStart(2, '0');
  const date = `${two(at.getUTCDate())}-${two(at.getUTCMonth() + 1)}-${at.getUTCFullYear()}`;
  return `${date}:${two(at.getUTCSeconds())}-${two(at.getUTCMinutes())}-${two(at.getUTCHours())}`;
}

/** The acts of a demo of that size that are not there yet. */
export function missingActs(seed: number, count: number, today: Date, existing: ReadonlySet<number>): DemoAct[] {
  return Array.from({ length: count }, (_, n) => demoAct(seed, n, today)).filter(({ actId }) => !existing.has(actId));
}

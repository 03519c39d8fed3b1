// Every migration, by role, in order. Imported and named here: knex's own directory scan would record `.ts` names in tests and `.js`
// names in the image, and then find its history corrupt. A name that shipped never changes.
import type { Knex } from 'knex';
import * as categoriesAndTheirContent from './0001-categories-and-their-content.ts';
import * as thumbnails from './0002-thumbnails.ts';
import * as orderIndex from './0003-order-index.ts';
import * as users from './0001-users.ts';
import { writeLimits } from './write-limits.ts';

export interface Migration extends Knex.Migration {
  readonly name: string;
}

export const migrations: Readonly<Record<'users' | 'acts', readonly Migration[]>> = {
  users: [
    { name: '0001-users', ...users },
    { name: '0002-write-limits', ...writeLimits('users') },
  ],
  acts: [
    { name: '0001-categories-and-their-content', ...categoriesAndTheirContent },
    { name: '0002-thumbnails', ...thumbnails },
    { name: '0003-order-index', ...orderIndex },
    { name: '0004-write-limits', ...writeLimits('acts') },
  ],
};

// Users in PostgreSQL. No call of the contract ever asks for a password again; only a salted hash of what the client sent is kept.
import { randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import type { Knex } from 'knex';
import { inDatabase } from './database.ts';
import type { RowKey, RowReader } from './json-list.ts';
import { nameDigest } from './name.ts';
import { wholeList, wholeListOf } from './whole-list.ts';

const hashPassword = promisify<string, Buffer, number, { N: number }, Buffer>(scrypt);
/** 4 MiB and a few milliseconds per registration, off the main thread. */
const hashCost = { N: 2 ** 12 };

const wholeUsers = wholeListOf('users', 'to_json(name)::text');

interface UserRow {
  readonly id: string;
  readonly name: string;
  readonly name_digest: Buffer;
  readonly password_salt: Buffer;
  readonly password_hash: Buffer;
}

export class UserRepository {
  readonly #knex: Knex;

  constructor(knex: Knex) {
    this.#knex = knex;
  }

  /** False when the name is taken. */
  async add(name: string, password: string): Promise<boolean> {
    const salt = randomBytes(16);
    // The digits' case is no part of the password.
    const hash = await hashPassword(password.toLowerCase(), salt, 32, hashCost);
    const row = { name, name_digest: nameDigest(name), password_salt: salt, password_hash: hash };
    const added = await inDatabase(() => this.#knex<UserRow>('users').insert(row).onConflict('name_digest').ignore().returning('id'));
    return added.length === 1;
  }

  /** False when there is no such user. */
  async remove(name: string): Promise<boolean> {
    return (
      (await inDatabase(() =>
        this.#knex<UserRow>('users')
          .where({ name_digest: nameDigest(name) })
          .delete(),
      )) === 1
    );
  }

  /** The whole list without brackets, empty when there is none; undefined when it is longer than fits. */
  whole(): Promise<string | undefined> {
    return wholeList(this.#knex, wholeUsers);
  }

  keys(): Promise<RowKey[]> {
    return inDatabase(() => this.#knex('users').select<RowKey[]>('id', this.#knex.raw('octet_length(name) AS bytes')).orderBy('id'));
  }

  readonly reader: RowReader = {
    rows: async (ids) => {
      const names = await inDatabase(() => this.#knex<UserRow>('users').whereIn('id', ids).orderBy('id').pluck('name'));
      return names.map((name: string) => JSON.stringify(name));
    },
  };
}

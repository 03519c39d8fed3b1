// How many acts a category has, and where in its order they stand, without counting them (docs/decisions/0011). A category's acts, in
// the order of (performed_at, seq), are cut into blocks; each block knows its lowest key and how many acts it holds.
import type { Knex } from 'knex';

/** A block is cut above the first, into pieces of about the second. */
const [blockMax, blockPiece] = [1024, 512];
/** A block that shrank below the first joins its older neighbour unless the two together exceed the second. */
const [blockMin, blockJoined] = [256, 768];

export async function up(knex: Knex): Promise<void> {
  // In the order every writer takes them: older replicas may be at work.
  await knex.raw('LOCK TABLE categories, acts IN ACCESS EXCLUSIVE MODE');
  await knex.schema.alterTable('categories', (table) => {
    table.bigint('act_count').notNullable().defaultTo(0);
  });
  await knex.schema.createTable('act_blocks', (table) => {
    table.bigint('category_id').notNullable().references('id').inTable('categories').onDelete('CASCADE');
    table.specificType('performed_at', 'timestamp(0) without time zone').notNullable();
    table.bigint('seq').notNullable();
    table.integer('act_count').notNullable();
    table.primary(['category_id', 'performed_at', 'seq']);
  });
  await knex.raw(splitBlock);
  await knex.raw(joinBlock);
  await knex.raw(actsAdded);
  await knex.raw(actsRemoved);
  await knex.raw(actsTruncated);
  await knex.raw(categoryAdded);
  await knex.raw(backfill);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('LOCK TABLE categories, acts IN ACCESS EXCLUSIVE MODE');
  await knex.raw('DROP TRIGGER category_added ON categories');
  for (const trigger of ['acts_added', 'acts_removed', 'acts_truncated']) await knex.raw('DROP TRIGGER ?? ON acts', [trigger]);
  await knex.raw('DROP FUNCTION category_added, acts_added, acts_removed, acts_truncated, split_act_block, join_act_block');
  await knex.schema.dropTable('act_blocks');
  await knex.schema.alterTable('categories', (table) => {
    table.dropColumn('act_count');
  });
}

const splitBlock = `
CREATE FUNCTION split_act_block(category bigint, lower_at timestamp, lower_seq bigint, total int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  size int := ceil(total::numeric / (total / ${blockPiece}));
  upper_at timestamp;
  upper_seq bigint;
BEGIN
  SELECT performed_at, seq INTO upper_at, upper_seq FROM act_blocks
   WHERE category_id = category AND (performed_at, seq) > (lower_at, lower_seq) ORDER BY performed_at, seq LIMIT 1;
  INSERT INTO act_blocks (category_id, performed_at, seq, act_count)
  SELECT category, performed_at, seq, least(size, total - place)
    FROM (SELECT performed_at, seq, row_number() OVER (ORDER BY performed_at, seq) - 1 AS place FROM acts
           WHERE category_id = category AND (performed_at, seq) >= (lower_at, lower_seq)
             AND (performed_at, seq) < (coalesce(upper_at, 'infinity'), coalesce(upper_seq, 0))) AS act
   WHERE place > 0 AND place % size = 0;
  UPDATE act_blocks SET act_count = size WHERE category_id = category AND (performed_at, seq) = (lower_at, lower_seq);
END $$`;

// The oldest block has no older neighbour and always stays: every act has a block to go to.
const joinBlock = `
CREATE FUNCTION join_act_block(category bigint, lower_at timestamp, lower_seq bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  remaining int;
  older act_blocks;
BEGIN
  SELECT act_count INTO remaining FROM act_blocks WHERE category_id = category AND (performed_at, seq) = (lower_at, lower_seq);
  SELECT * INTO older FROM act_blocks
   WHERE category_id = category AND (performed_at, seq) < (lower_at, lower_seq) ORDER BY performed_at DESC, seq DESC LIMIT 1;
  IF older.seq IS NULL OR (remaining > 0 AND older.act_count + remaining > ${blockJoined}) THEN
    RETURN;
  END IF;
  UPDATE act_blocks SET act_count = act_count + remaining
   WHERE category_id = category AND (performed_at, seq) = (older.performed_at, older.seq);
  DELETE FROM act_blocks WHERE category_id = category AND (performed_at, seq) = (lower_at, lower_seq);
END $$`;

/** What became of the blocks of the category when the acts of a transition table came (+) or went (-). */
const changedBlocks = (acts: string, sign: '+' | '-'): string => `
      UPDATE act_blocks AS b SET act_count = b.act_count ${sign} changed.acts
        FROM (SELECT home.performed_at, home.seq, count(*)::int AS acts FROM ${acts} AS act
               CROSS JOIN LATERAL (SELECT performed_at, seq FROM act_blocks
                                    WHERE category_id = category.id AND (performed_at, seq) <= (act.performed_at, act.seq)
                                    ORDER BY performed_at DESC, seq DESC LIMIT 1) AS home
               WHERE act.category_id = category.id GROUP BY 1, 2) AS changed
       WHERE b.category_id = category.id AND b.performed_at = changed.performed_at AND b.seq = changed.seq
      RETURNING b.performed_at, b.seq, b.act_count`;

// AFTER and by statement: what ON CONFLICT DO NOTHING left out is not counted, and a hundred thousand acts are counted once. The category's
// row is locked first; every later statement of the function sees all that was committed before that.
const actsAdded = `
CREATE FUNCTION acts_added() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  category record;
  block record;
BEGIN
  FOR category IN SELECT category_id AS id, count(*) AS acts FROM added GROUP BY category_id ORDER BY category_id LOOP
    UPDATE categories SET act_count = act_count + category.acts WHERE id = category.id;
    FOR block IN ${changedBlocks('added', '+')}
    LOOP
      IF block.act_count > ${blockMax} THEN
        PERFORM split_act_block(category.id, block.performed_at, block.seq, block.act_count);
      END IF;
    END LOOP;
  END LOOP;
  RETURN NULL;
END $$;
CREATE TRIGGER acts_added AFTER INSERT ON acts REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION acts_added()`;

const actsRemoved = `
CREATE FUNCTION acts_removed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  category record;
  block record;
BEGIN
  FOR category IN SELECT category_id AS id, count(*) AS acts FROM removed GROUP BY category_id ORDER BY category_id LOOP
    UPDATE categories SET act_count = act_count - category.acts WHERE id = category.id;
    -- The category itself is going, and its blocks with it.
    CONTINUE WHEN NOT FOUND;
    FOR block IN ${changedBlocks('removed', '-')}
    LOOP
      IF block.act_count < ${blockMin} THEN
        PERFORM join_act_block(category.id, block.performed_at, block.seq);
      END IF;
    END LOOP;
  END LOOP;
  RETURN NULL;
END $$;
CREATE TRIGGER acts_removed AFTER DELETE ON acts REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION acts_removed()`;

const actsTruncated = `
CREATE FUNCTION acts_truncated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE categories SET act_count = 0;
  DELETE FROM act_blocks WHERE performed_at > '-infinity';
  UPDATE act_blocks SET act_count = 0;
  RETURN NULL;
END $$;
CREATE TRIGGER acts_truncated AFTER TRUNCATE ON acts FOR EACH STATEMENT EXECUTE FUNCTION acts_truncated()`;

const categoryAdded = `
CREATE FUNCTION category_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO act_blocks (category_id, performed_at, seq, act_count) VALUES (NEW.id, '-infinity', 0, 0);
  RETURN NULL;
END $$;
CREATE TRIGGER category_added AFTER INSERT ON categories FOR EACH ROW EXECUTE FUNCTION category_added()`;

const backfill = `
UPDATE categories SET act_count = (SELECT count(*) FROM acts WHERE category_id = categories.id);
INSERT INTO act_blocks (category_id, performed_at, seq, act_count) SELECT id, '-infinity', 0, act_count FROM categories;
SELECT split_act_block(id, '-infinity', 0, act_count::int) FROM categories WHERE act_count > ${blockMax}`;

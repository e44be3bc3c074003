-- What the office's files said, one row a registered item in one source. Written by `pipelines`, read by `sql/marts`.
-- No column identifies a person: identifying columns are dropped in the reader, text is redacted before the first write.

create schema if not exists core;

-- One row a file that was taken in.
create table if not exists core.batch (
    batch_id        varchar primary key,        -- first 12 hex digits of the file's SHA-256
    source          varchar not null,           -- petition | hotline | grid
    layout          varchar not null,           -- which header layout the reader recognised
    file_name       varchar not null,
    file_bytes      bigint not null,
    encoding        varchar not null,           -- utf-8 | utf-8-sig | gb18030 | xlsx …
    n_read          bigint not null,           -- = n_loaded + n_rejected + n_duplicate + n_out_of_scope
    n_loaded        bigint not null,           -- of these n_updated changed an item already known
    n_updated       bigint not null,
    n_rejected      bigint not null,
    n_duplicate     bigint not null,
    n_out_of_scope  bigint not null,
    first_registered_on date,
    last_registered_on  date,
    redactions      varchar not null,           -- JSON {kind: count} of what was redacted
    dropped_columns varchar not null,           -- JSON [header, …] never stored
    loaded_at       timestamp not null,
    check (n_read = n_loaded + n_rejected + n_duplicate + n_out_of_scope)
);

-- The current state of every item.
create table if not exists core.event (
    event_id        ubigint not null,           -- keyed hash (HMAC-SHA-256, first 8 bytes) of source and item number
    source          varchar not null,
    batch_id        varchar not null,           -- the batch that last wrote this row
    source_row      integer not null,           -- row in that file as a spreadsheet shows it (header rows count)
    occurred_at     timestamp,
    registered_at   timestamp not null,
    accepted_at     timestamp,
    due_at          timestamp,
    due_rule        varchar,                    -- 'source' while the file's own deadline is used
    replied_at      timestamp,
    closed_at       timestamp,
    channel         varchar,                    -- the source's own word
    purpose         varchar,
    severity        varchar,
    category_raw    varchar,                    -- the source's own category path, joined by '>'
    county_name     varchar,                    -- places as reported, cleaned
    town_name       varchar,
    community_name  varchar,
    grid_name       varchar,
    lon             double,                     -- snapped to 0.002 degree (about 200 m)
    lat             double,
    unit_name       varchar,                    -- main responsible unit as reported
    unit_co_name    varchar,
    persons         integer,                    -- 人次
    is_first        boolean,                    -- the source's own flags, never derived from a person
    is_repeat       boolean,
    is_group        boolean,
    status          varchar not null,           -- registered | transferred | accepted | in_progress | replied | closed | declined
    is_solved       boolean,
    satisfaction    varchar,                    -- satisfied | fairly_satisfied | dissatisfied, null = not rated
    n_returns       integer,
    title           varchar,                    -- redacted
    text            varchar                     -- redacted; null for 检举控告 and 涉法涉诉
);

-- Earlier states of an item that a later file changed: what was known when.
create table if not exists core.event_history as select *, ''::varchar as superseded_by from core.event limit 0;

-- The clerk's way back to the business system; never leaves the warehouse.
create table if not exists core.item_lookup (
    event_id        ubigint not null,
    batch_id        varchar not null,
    item_number     varchar not null
);

-- Rows not taken in, and why.
create table if not exists core.rejected_row (
    batch_id        varchar not null,
    source_row      integer not null,
    rule            varchar not null,           -- machine name, e.g. missing_item_number
    column_name     varchar,                    -- the file's own header
    found           varchar,                    -- redacted, at most 80 characters; null for identifying columns
    hint            varchar not null            -- one Chinese sentence: what was expected, what to do
);

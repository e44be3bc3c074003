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
    known_on        date not null,              -- the day the office knew this: of loading, or of the export if that was said
    crs             varchar,                    -- coordinate system of the file's points, null without points
    crs_hits        varchar,                    -- JSON {system: share of points inside the place their row names, "n": points tried}
    control_totals  varchar,                    -- JSON [{"row", "column", "stated", "counted"}] of the file's own 合计 rows
    notes           varchar,                    -- JSON [sentence, …] an administrator should read
    check (n_read = n_loaded + n_rejected + n_duplicate + n_out_of_scope)
);
-- A warehouse of an earlier version gets what it lacks; on a new one the `alter` and `update` lines here do nothing.
alter table core.batch add column if not exists known_on date;
update core.batch set known_on = loaded_at::date where known_on is null;
alter table core.batch add column if not exists crs varchar;
alter table core.batch add column if not exists crs_hits varchar;
alter table core.batch add column if not exists control_totals varchar;
alter table core.batch add column if not exists notes varchar;

-- The state of every item that is in force: of all states reported, the one `pipelines/states.py` puts first.
create table if not exists core.event (
    event_id        ubigint not null,           -- keyed hash (HMAC-SHA-256, first 8 bytes) of source and item number
    source          varchar not null,
    batch_id        varchar not null,           -- the batch that first reported this state
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
    text            varchar,                    -- redacted; null for 检举控告 and 涉法涉诉
    is_confidential boolean,                    -- 检举控告, 涉法涉诉, 保密: counted only; title, text and units are null
    is_co_row       boolean not null default false  -- reported by a co-handler's row: counts where no main handler's row is known
);
alter table core.event add column if not exists is_co_row boolean default false;
alter table core.event add column if not exists is_confidential boolean;
alter table core.event add column if not exists transferred_at timestamp;       -- passed on by the petition office 转送、交办
alter table core.event add column if not exists rated_at timestamp;
alter table core.event add column if not exists bureau_satisfaction varchar;    -- of the petition office; `satisfaction` is of the unit
alter table core.event add column if not exists is_contacted boolean;           -- the caller says the unit got in touch 响应

-- The other states of these items that some file reported: with them any past day can be seen as it was known.
create table if not exists core.event_history as select * from core.event limit 0;
alter table core.event_history drop column if exists superseded_by;
alter table core.event_history add column if not exists is_co_row boolean default false;
alter table core.event_history add column if not exists is_confidential boolean;
alter table core.event_history add column if not exists transferred_at timestamp;
alter table core.event_history add column if not exists rated_at timestamp;
alter table core.event_history add column if not exists bureau_satisfaction varchar;
alter table core.event_history add column if not exists is_contacted boolean;

-- A batch reported an item in a state that was already known. Who reported what, for replay and for undoing a batch.
create table if not exists core.repeat (
    event_id        ubigint not null,
    batch_id        varchar not null,
    source_row      integer not null,
    state_batch_id  varchar not null            -- with event_id: the state in core.event or core.event_history
);

-- The co-handlers 协办 of an item, one row each and batch: an export has a row of its own for each of them.
create table if not exists core.co_unit (
    event_id        ubigint not null,
    batch_id        varchar not null,
    unit_name       varchar not null
);

-- The clerk's way back to the business system; never leaves the warehouse.
create table if not exists core.item_lookup (
    event_id        ubigint not null,
    item_number     varchar not null
);
alter table core.item_lookup drop column if exists batch_id;

-- What the dispatch model answered about items whose source gave no category; see pipelines/unclassified.py. Never overwrites
-- what was reported. Answers are added, none is changed: the newest on a text counts.
create table if not exists core.suggested_issue (
    event_id        ubigint not null,
    text_mark       ubigint not null,           -- of the redacted text it is about
    issue_code      varchar,                    -- null = not sure
    probability     double,                     -- of the first choice; null where the keyword library alone decided
    model_version   integer not null,
    suggested_at    timestamp not null
);
create macro if not exists core.text_mark(title, text) as md5_number_lower(concat_ws(chr(31), coalesce(title, ''), text));

-- Entries of the office's ledgers 台账, as each batch told them; see pipelines/registers.py. No entry is a person.
create table if not exists core.ledger_entry (
    entry_id        ubigint not null,           -- keyed hash of the ledger and the entry's number
    source          varchar not null,           -- ledger
    batch_id        varchar not null,
    source_row      integer not null,
    ledger_kind     varchar not null,           -- supervision | assignment | leader_case | backlog | advice | screening | reception
    subtype         varchar,                    -- joint | special | case; improve_work | improve_policy | accountability; …
    ledger_number   varchar,                    -- the office's own number 督办〔2026〕12号; null where it is an item's
    petition_id     ubigint,                    -- keyed hash of the item's number, as in core.event; null = not given
    hotline_id      ubigint,
    grid_id         ubigint,
    title           varchar,                    -- redacted
    category_raw    varchar,
    county_name     varchar,
    town_name       varchar,
    community_name  varchar,
    unit_name       varchar,
    leader_role     varchar,                    -- words of office alone (分管副县长), never a name
    opened_on       date not null,              -- 督办, 交办 … began
    arisen_on       date,                       -- the matter was first raised
    due_on          date,                       -- the entry's own deadline
    signed_on       date,
    planned_on      date,
    replied_on      date,
    closed_on       date,
    is_report_required boolean,                 -- 需报办结报告; of assignment alone
    state           varchar not null,           -- open | replied | closed | withdrawn
    result          varchar,                    -- achieved | partly | failed, null = not said
    n_visits        integer,                    -- 批; of reception alone
    persons         integer,                    -- 人次
    progress        varchar,                    -- redacted
    is_confidential boolean not null            -- 检举控告, 涉法涉诉: counted only; texts and unit are null
);

-- Batches taken back: the ledger keeps what they were, nothing of what they held.
create table if not exists core.undone_batch as select *, now()::timestamp as undone_at from core.batch limit 0;

-- Cases of mediation and of the courts that came from items, as each batch told them; see pipelines/registers.py.
create table if not exists core.referral (
    entry_id        ubigint not null,           -- keyed hash of source and case number
    source          varchar not null,           -- mediation | litigation
    batch_id        varchar not null,
    source_row      integer not null,
    petition_id     ubigint,                    -- keyed hash of the item's number, as in core.event; null = not given
    hotline_id      ubigint,
    grid_id         ubigint,
    dispute_code    varchar not null,           -- 01 … 15, 99 = other
    applied_on      date not null,              -- led in, or filed
    accepted_on     date,
    started_on      date,
    ended_on        date,
    confirmed_on    date,                       -- 司法确认
    enforced_on     date,                       -- enforcement of a judgement began
    stage           varchar not null,           -- pending | accepted | in_progress | ended | enforcing
    outcome         varchar,                    -- succeeded | failed | terminated | withdrawn | declined | judged | dismissed
    is_confirmed    boolean not null,
    institution_name varchar                    -- committee or court; a room named after its mediator is 品牌调解工作室
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

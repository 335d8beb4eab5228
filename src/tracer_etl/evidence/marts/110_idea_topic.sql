-- One row per idea of a young person: what it is about, and whether it counts in N4 (specification 2.2).
-- programme: by the reviewed map (seed_programme_term): a term of kind idea found as whole words in the title, else in
-- the text; the longest term wins, then the alphabet. A term of programme 'none' (budidaya ikan) says that a shorter one
-- within it (budidaya) means something else. Where no term is found, the sector's own programme, if it has one. topic_by says which of the three it was. first_of_day: the earliest idea of a device on a day (without a
-- device every idea is its own). counted: first of its day, interest 4 or 5, and mapped to a programme.
-- The text and the device stay in pii: neither leaves this query.
-- columns:
--   submission_id: the idea
--   date: day it was sent, Asia/Jakarta
--   sector: codes of the list sector of the form
--   age_band: codes of the question y_age
--   interest: in a training on it, 1 to 5
--   programme: what the idea maps to; null where nothing fits
--   term: the words that decided
--   topic_by: title, text, sector or none
--   first_of_day: the device's earliest idea of the day
--   counted: counts in N4
drop table if exists marts.idea_topic;
create table marts.idea_topic as
with idea as (
  select y._submission_id as submission_id, y.today as date, y.idea_sector as sector, y.y_age as age_band,
    cast(y.idea_interest as bigint) as interest,
    ' ' || regexp_replace(lower(coalesce(y.idea_title, '')), '\W+', ' ', 'g') || ' ' as title,
    ' ' || regexp_replace(lower(coalesce(p.idea_text, '')), '\W+', ' ', 'g') || ' ' as body,
    row_number() over (partition by coalesce(p.deviceid, y._submission_id), y.today
      order by y.start, y._submission_id) as place_of_day
  from clean.youth_ideas y
  left join pii.youth_ideas p on p._submission_id = y._submission_id
),
found as (
  select i.submission_id, case when t.programme <> 'none' then t.programme end as programme, t.term,
    case when i.title like '% ' || t.term || ' %' then 'title' else 'text' end as topic_by,
    row_number() over (partition by i.submission_id
      order by case when i.title like '% ' || t.term || ' %' then 0 else 1 end, length(t.term) desc, t.programme, t.term) as place
  from idea i
  join marts.seed_programme_term t on t.kind = 'idea'
    and (i.title like '% ' || t.term || ' %' or i.body like '% ' || t.term || ' %')
)
select i.submission_id, i.date, i.sector, i.age_band, i.interest, coalesce(f.programme, s.programme) as programme, f.term,
  case when f.programme is not null then f.topic_by when s.programme is not null then 'sector' else 'none' end as topic_by,
  i.place_of_day = 1 as first_of_day,
  i.place_of_day = 1 and i.interest >= 4 and coalesce(f.programme, s.programme) is not null as counted
from idea i
left join found f on f.submission_id = i.submission_id and f.place = 1
left join marts.seed_programme_term s on s.kind = 'sector' and s.term = i.sector
order by i.submission_id;

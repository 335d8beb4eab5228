-- One row per programme that an idea was mapped to ('none': mapped to nothing): N4 of specification 2.2.
-- ideas: one per device-day; wanted: those of them with interest 4 or 5; share: wanted / all ideas, one per device-day.
-- Not weighted and never representative: who writes here chose to.
drop table if exists marts.idea_demand;
create table marts.idea_demand as
select coalesce(programme, 'none') as programme, count(*) as ideas,
  cast(sum(case when interest >= 4 then 1 else 0 end) as bigint) as wanted,
  sum(case when interest >= 4 then 1 else 0 end)
    / cast((select count(*) from marts.idea_topic where first_of_day) as double precision) as share
from marts.idea_topic
where first_of_day
group by coalesce(programme, 'none')
order by programme;

-- Alumni to contact in the next round, on the published warehouse (var/tracer.duckdb): one row per case still open.
-- name: the key of forms/media/alumni.csv, which adds the other columns. Fewest attempts first.
--   000, 900  not attempted, or still being contacted, up to the form's last attempt (12)
--   220, 320  closed as not reached or untraceable before five attempts on three days were made: too early
--             (rule X03 of the specification; AAPOR Standard Definitions)
-- Refusals and break-offs are not asked again, nor is anybody who withdrew (UU 27/2022).
with made as (
  select alumni_id, count(distinct date) as days from marts.attempt group by alumni_id
)
select c.alumni_id as name
from marts.case_disposition c
left join made m on m.alumni_id = c.alumni_id
join (
  select alumni_id, max(coalesce(opt_out_at, '')) as opt_out_at from clean.registry_person group by alumni_id
) p on p.alumni_id = c.alumni_id
where p.opt_out_at = ''
  and (
    c.aapor_code in ('000', '900') and c.attempts < 12
    or c.aapor_code in ('220', '320') and (c.attempts < 5 or coalesce(m.days, 0) < 3)
  )
order by c.attempts, c.alumni_id;

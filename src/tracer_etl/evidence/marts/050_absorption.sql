-- One row per programme (and '' = all) and rung of the absorption ladder; unweighted (weighted = false): provisional.
-- A1 any work: emp_bps = 1, of all respondents. S1 in the field: emp_bps = 1 and match_field 1 or 2. S2 quality:
-- emp_bps = 1, earnings >= UMK of the interview's year and >= 35 hours in all jobs. D5 decent work: >= 4 of 5 points,
-- of paid workers. Specification 2.2. A respondent whose rung cannot be told (proxies are not asked; income refused)
-- is not in n but in unknown. rate and bounds are shares 0..1; Wilson score interval, 95%, z = 1.959964,
-- kept within 0..1 where rounding would leave it.
-- Publication (specification 2.3 point 6): n < 10 suppressed, 10-29 indicative; if one programme alone is suppressed
-- the next smallest is too, else the total would give it away.
drop table if exists marts.absorption;
create table marts.absorption as
with rung as (
  select programme, 'A1' as rung, case when emp_bps = '1' then 1 when emp_bps = '0' then 0 end as met
  from marts.interview
  union all
  select programme, 'S1', case when emp_bps = '0' then 0 when match_field in ('1', '2') then 1
    when match_field is not null then 0 end
  from marts.interview
  union all
  select programme, 'S2', case when emp_bps = '0' then 0 when earnings_idr < umk_idr or hours < 35 then 0
    when earnings_idr >= umk_idr and hours >= 35 then 1 end
  from marts.interview
  union all
  select programme, 'D5', case when decent_points >= 4 then 1 when decent_points is not null then 0 end
  from marts.interview where status_emp in ('4', '5', '6')
),
counts as (
  select '' as programme, rung, count(met) as n, coalesce(sum(met), 0) as met, count(*) - count(met) as unknown
  from rung group by rung
  union all
  select coalesce(programme, 'none'), rung, count(met), coalesce(sum(met), 0), count(*) - count(met)
  from rung group by coalesce(programme, 'none'), rung
),
small as (
  select counts.*,
    sum(case when n < 10 and programme <> '' then 1 else 0 end) over (partition by rung) as hidden,
    row_number() over (partition by rung, programme = '', n < 10 order by n, programme) as place
  from counts
),
flagged as (
  select programme, rung, n, met, unknown,
    case when n < 10 then 'suppressed'
      when programme <> '' and hidden = 1 and place = 1 then 'suppressed'
      when n < 30 then 'indicative' else 'shown' end as publication,
    cast(n as double precision) as size,
    met / nullif(cast(n as double precision), 0) as share,
    1.959963984540054 as z
  from small
)
select programme, rung,
  case when n < 5 then null else n end as n,
  case when publication <> 'suppressed' then cast(met as bigint) end as met,
  case when publication <> 'suppressed' then unknown end as unknown,
  case when publication <> 'suppressed' then share end as rate,
  case when publication <> 'suppressed' then
    greatest(0, (share + z * z / (2 * size) - z * sqrt(share * (1 - share) / size + z * z / (4 * size * size)))
      / (1 + z * z / size))
  end as low,
  case when publication <> 'suppressed' then
    least(1, (share + z * z / (2 * size) + z * sqrt(share * (1 - share) / size + z * z / (4 * size * size)))
      / (1 + z * z / size))
  end as high,
  publication,
  false as weighted
from flagged
order by programme, rung;

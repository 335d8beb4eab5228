-- One row per respondent: person in the frame with final disposition 110 or 120; the first submission with that code.
-- earnings_idr: IDR per month from the main job: net pay, or the owner's net profit; where only a band was told its
-- midpoint (seed_income_band; open band: its lower bound); unpaid family workers 0; otherwise unknown (null).
-- hours: last 7 days, all jobs. umk_idr: minimum wage of the interview's year (seed_umk).
-- decent_points (specification D5), paid workers only (status 4, 5, 6) who answered themselves, since the form asks social
-- protection and accidents of them alone: earnings >= UMK; 35-48 h; written contract; BPJS by the employer; no accident.
drop table if exists marts.interview;
create table marts.interview as
with candidate as (
  select t.submission_id, t.alumni_id, t.date, t.enumerator, t.mode, c.aapor_code, c.programme, c.year, c.sex, c.age_group,
    c.zone, c.target_group, c.funding,
    row_number() over (partition by t.alumni_id order by t.attempt_order) as first
  from marts.attempt t
  join marts.case_disposition c on c.alumni_id = t.alumni_id and c.aapor_code = t.aapor_code
  where c.aapor_code in ('110', '120')
),
answer as (
  select k.*, a.emp_bps, a.emp_icls, a.match_field, a.status_emp, a.pre_work, a.contract, a.bpjs_tk, a.bpjs_kes, a.accident,
    cast(case when a.emp_bps = '1' then a.hours_all end as double precision) as hours,
    cast(case when a.status_emp = '7' then 0 else coalesce(a.pay_net, a.biz_profit, b.midpoint_idr) end
      as double precision) as earnings_idr,
    case when a.status_emp = '7' then 'unpaid' when coalesce(a.pay_net, a.biz_profit) is not null then 'stated'
      when b.midpoint_idr is not null then 'band_midpoint' else 'unknown' end as earnings_source,
    u.idr_per_month as umk_idr
  from candidate k
  join clean.alumni_tracer a on a._submission_id = k.submission_id
  left join marts.seed_income_band b on b.band = coalesce(a.pay_band, a.biz_profit_band)
  left join marts.seed_umk u on u.year = cast(extract(year from k.date) as bigint)
  where k.first = 1
)
select submission_id, alumni_id, date, enumerator, mode, aapor_code, programme, year, sex, age_group, zone, target_group, funding,
  emp_bps, emp_icls, pre_work, match_field, status_emp, hours, earnings_idr, earnings_source, umk_idr,
  case when status_emp in ('4', '5', '6') and contract is not null and earnings_idr is not null and hours is not null then
    case when earnings_idr >= umk_idr then 1 else 0 end
    + case when hours >= 35 and hours <= 48 then 1 else 0 end
    + case when contract in ('1', '2') then 1 else 0 end
    + case when bpjs_tk = '1' or bpjs_kes = '1' then 1 else 0 end
    + case when accident = '0' then 1 else 0 end
  end as decent_points
from answer;

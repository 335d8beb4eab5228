# What R makes of the same data: survey (rake, svymean, svyby, svyquantile, glm) and survival (survfit).
# Rscript yardstick.R <folder with rehearsal.csv and targets.csv> <golden.csv>
# Writes one row per number: name of the check, key within it, value. Data shipped in R: survey's api, survival's lung.
suppressMessages({library(survey); library(survival)})
folder <- commandArgs(TRUE)[1]
out <- list()
put <- function(name, key, value) {
  out[[length(out) + 1]] <<- data.frame(name = name, key = as.character(key), value = as.numeric(value))
}
margin_tables <- function(targets) lapply(split(targets, factor(targets$margin, unique(targets$margin))), function(part) {
  table <- data.frame(part$cell, part$total); names(table) <- c(part$margin[1], "Freq"); table
})
strict <- list(maxit = 5000, epsilon = 1e-11)
curve <- function(name, fit) {
  found <- summary(fit, censored = TRUE)
  put(paste0(name, "_surv"), seq_along(found$time), found$surv)
  put(paste0(name, "_low"), seq_along(found$time), found$lower)
  put(paste0(name, "_high"), seq_along(found$time), found$upper)
  middle <- quantile(fit, 0.5)
  put(paste0(name, "_median"), c("estimate", "low", "high"), c(middle$quantile, middle$lower, middle$upper))
}

# 1. Public data: the simple random sample of Californian schools, raked to two margins.
data(api)
school <- svydesign(ids = ~1, weights = ~pw, data = apisrs)
known <- list(data.frame(stype = c("E", "H", "M"), Freq = c(4421, 755, 1018)),
              data.frame(sch.wide = c("No", "Yes"), Freq = c(1072, 5122)))
raked <- rake(school, list(~stype, ~sch.wide), known, control = strict)
write.csv(apisrs[, c("stype", "sch.wide", "comp.imp", "api00", "meals", "pw")],
          file.path(folder, "apisrs.csv"), row.names = FALSE)
put("api_rake", seq_along(weights(raked)), weights(raked))
found <- svymean(~api00, raked); put("api_raked_mean", c("mean", "se"), c(coef(found), SE(found)))
plain <- svydesign(ids = ~1, weights = ~w, data = cbind(apisrs, w = weights(raked)))
found <- svymean(~api00, plain); put("api_mean", c("mean", "se"), c(coef(found), SE(found)))
found <- svyby(~I(comp.imp == "Yes"), ~stype, plain, svymean)
put("api_by_mean", as.character(found$stype), found[, 3]); put("api_by_se", as.character(found$stype), found[, 5])
found <- svyby(~api00, ~stype, raked, svymean)
put("api_raked_by_mean", as.character(found$stype), coef(found))
put("api_raked_by_se", as.character(found$stype), SE(found))
put("api_quantile", c(0.25, 0.5, 0.99),
    coef(svyquantile(~api00, plain, c(0.25, 0.5, 0.99), qrule = "math", ci = FALSE)))
model <- glm(I(sch.wide == "Yes") ~ stype + meals, data = apisrs, family = binomial,
             control = list(epsilon = 1e-14, maxit = 100))
put("api_propensity", seq_len(nrow(apisrs)), fitted(model))

# 2. Public data: survival with advanced lung cancer; weights that are no counts.
sick <- subset(lung, !is.na(age)); sick$w <- sick$age / 50
write.csv(sick[, c("time", "status", "sex", "w")], file.path(folder, "lung.csv"), row.names = FALSE)
fit <- survfit(Surv(time, status) ~ 1, data = sick, weights = w, robust = TRUE, conf.type = "log-log")
curve("lung", fit)
put("lung_rmean", 365, survival:::survmean(fit, rmean = 365)$matrix["rmean"])
ends <- factor(ifelse(sick$status == 1, 0, sick$sex), 0:2)
states <- survfit(Surv(sick$time, ends) ~ 1, weights = sick$w)
at <- summary(states, times = c(100, 365))
put("lung_incidence_1", c(100, 365), at$pstate[, 2]); put("lung_incidence_2", c(100, 365), at$pstate[, 3])

# 3. The rehearsal of the study: five margins with merged cells.
people <- read.csv(file.path(folder, "rehearsal.csv"), check.names = FALSE)
targets <- read.csv(file.path(folder, "targets.csv"))
tables <- margin_tables(targets)
design <- svydesign(ids = ~1, weights = ~adjusted, data = people)
raked <- rake(design, lapply(names(tables), function(m) as.formula(paste0("~", m))), unname(tables), control = strict)
people$w <- weights(raked)
put("rehearsal_rake", seq_along(people$w), people$w)
plain <- svydesign(ids = ~1, weights = ~w, data = people)
found <- svymean(~emp_bps, plain); put("rehearsal_mean", c("mean", "se"), c(coef(found), SE(found)))
found <- svymean(~emp_bps, raked); put("rehearsal_raked_mean", c("mean", "se"), c(coef(found), SE(found)))
found <- svyby(~emp_bps, ~zone, plain, svymean)
put("rehearsal_by_mean", as.character(found$zone), coef(found)); put("rehearsal_by_se", as.character(found$zone), SE(found))
paid <- subset(plain, !is.na(earned))
put("rehearsal_median", 0.5, coef(svyquantile(~earned, paid, 0.5, qrule = "math", ci = FALSE)))
waiting <- subset(people, !is.na(wait))
fit <- survfit(Surv(wait, wait_event) ~ 1, data = waiting, weights = w, robust = TRUE, conf.type = "log-log")
curve("rehearsal_wait", fit)
put("rehearsal_rmean", 12, survival:::survmean(fit, rmean = 12)$matrix["rmean"])
states <- survfit(Surv(wait, factor(cause, 0:3)) ~ 1, data = waiting, weights = w)
at <- summary(states, times = c(3, 6, 12))
for (cause in 1:2) put(paste0("rehearsal_incidence_", cause), c(3, 6, 12), at$pstate[, cause + 1])
# Turnbull: only the month is known; infinite ends are read as Inf.
ends <- ifelse(is.finite(waiting$wait_to), waiting$wait_to, NA)
begins <- ifelse(waiting$wait_from == 0, -1, waiting$wait_from)  # (0, x] would else be read as left-censored at 0
fit <- survfit(Surv(begins, ends, type = "interval2") ~ 1, data = waiting, weights = w)
put("rehearsal_turnbull", c(1, 3, 6, 12), summary(fit, times = c(1, 3, 6, 12))$surv)

# 4. The effect on the treated by augmented inverse probability weighting: both models by svyglm, the error by svyglm of
# what the outcome model leaves. "Treated" are schools that met their target; api00 is continuous, comp.imp 0/1.
effect <- function(name, outcome, family) {
  school <- cbind(apisrs, t = as.integer(apisrs$sch.wide == "Yes"), w = 1 + apisrs$meals / 100)
  school$y <- outcome
  design <- svydesign(ids = ~1, weights = ~w, data = school)
  school$p <- as.numeric(fitted(svyglm(t ~ stype + meals, design, family = quasibinomial, control = list(epsilon = 1e-14, maxit = 100))))
  others <- svyglm(y ~ stype + meals, subset(design, t == 0), family = family, control = list(epsilon = 1e-14, maxit = 100))
  school$left <- school$y - as.numeric(predict(others, newdata = school, type = "response"))
  school$odds <- school$w * ifelse(school$t == 1, 1, school$p / (1 - school$p))
  found <- svyglm(left ~ t, svydesign(ids = ~1, weights = ~odds, data = school))
  put(name, c("estimate", "se"), c(coef(found)[2], SE(found)[2]))
}
effect("api_effect", apisrs$api00, gaussian())
effect("api_effect_binary", as.integer(apisrs$api00 > 700), quasibinomial())

golden <- do.call(rbind, out)
golden$value <- formatC(golden$value, digits = 15, format = "g")
write.csv(golden, commandArgs(TRUE)[2], row.names = FALSE, quote = FALSE)

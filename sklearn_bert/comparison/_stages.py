"""The stages of a comparison: cheap models, BERT after its forecast, and the learning curve."""

from contextlib import suppress

from .._durations import format_duration
from .._estimators.text_estimator import TextEstimator
from ._fold_result import in_a_line
from ._pretrained_models import FrozenBert, StaticBert
from ._short_fit import ShortFit
from ._summary import find_pair, rank_candidates
from ._tuning import TunedBert

_WHILE = 10  # seconds without a word
# Of the time that is left, what a forecast may take.
_SHARE_OF_PROBE = 0.1
# A forecast of so many seconds on a CPU, with vectors so wide, is worth a word on a smaller model.
_LONG, _WIDE = 600, 768


def run_all(runner, found, speeds, fractions, seed, *, preview):
    """Run all contestants; return the forecasts, and whether Ctrl-C ended it with something done.

    A candidate that there was no time to tune is put back as it is.
    """
    forecasts, models, candidates = {}, found.models, found.tried
    try:
        for name, model in models.items():
            run_cheap(runner, name, model, speeds)
        for name, candidate in candidates.items():
            if preview:
                short = forecast_short(runner, name, candidate, speeds, seed)
                if short is not None:
                    forecasts[name] = short.forecast
                    short.run(models, len(candidates))
            else:
                candidates[name] = run_bert(runner, name, candidate, forecasts, speeds)
        if fractions:
            run_curve(runner, candidates, models, fractions, seed)
    except KeyboardInterrupt:
        if not runner.results:
            raise
        runner.note("Interrupted by Ctrl-C: what is shown is what was done until then.")
        return forecasts, True
    return forecasts, False


def run_cheap(runner, name, model, speeds):
    """Run a cheap model; tell before if it has to be distilled, and that will take a while."""
    seconds = 0.0
    if isinstance(model, FrozenBert):
        embeddings = model.embeddings
        key = str(embeddings.model), embeddings.max_length, embeddings.device, embeddings.dtype
        if key in speeds:
            seconds = speeds[key].seconds_to_read(sum(map(len, runner.folds[0])))
    if isinstance(model, StaticBert) and runner.seconds_left > 0:
        # What an error was will be told by the first fold.
        with suppress(Exception):
            seconds = model.embeddings.expected_seconds()
        if seconds > _WHILE:
            runner.say(f"{name}: distilling takes about {format_duration(seconds)}")
    runner.run(name, model, seconds)


def run_bert(runner, name, bert, forecasts, speeds):
    """Tell what a BERT will cost, if there can be a forecast, and run it; return what was run."""
    own = _untuned(bert)
    if name in runner.earlier.forecasts:
        forecasts[name] = runner.earlier.forecasts[name]
    elif isinstance(own, TextEstimator) and runner.seconds_left > 0:
        _say_probe(runner, name)
        with suppress(Exception):  # what it was will be told by the first fold
            forecasts[name] = _forecast(runner, own, speeds)
            bert = _tuned_in_time(runner, name, bert, forecasts)
    if name in forecasts and name not in runner.earlier.forecasts:
        _say_forecast(runner, name, own, forecasts[name])
    runner.run(name, bert, forecasts[name].fold_seconds(0) if name in forecasts else 0.0)
    return bert


def forecast_short(runner, name, bert, speeds, seed):
    """Tell what a BERT would cost; return its fit to a few texts, None if that is out of reach."""
    short = ShortFit(runner, name, bert, seed)
    if not runner.seconds_left > 0:
        short.note_budget()
        return None
    _say_probe(runner, name)
    try:
        short.expect(_forecast(runner, _untuned(bert), speeds))
    except Exception as error:
        short.fail(in_a_line(error))
        return None
    _say_forecast(runner, name, _untuned(bert), short.forecast)
    return short


def _untuned(bert):
    """Return a BERT itself, if it is one that is tuned."""
    return bert.estimator if isinstance(bert, TunedBert) else bert


def _say_probe(runner, name):
    """Tell that a BERT is probed."""
    runner.say(f"{name}: a probe of a few steps tells what it is going to cost")


def _say_forecast(runner, name, bert, forecast):
    """Tell what a BERT will cost."""
    runner.say(f"{name}: {forecast}")
    _tell_of_smaller(runner, bert, forecast)


def _tuned_in_time(runner, name, bert, forecasts):
    """Return a BERT that is tuned, or as it is where there is no time for more.

    The forecast is made that of all its fits.
    """
    if not isinstance(bert, TunedBert):
        return bert
    from ._forecast import with_tuning

    tuned = with_tuning(forecasts[name], bert, runner.data.y, runner.folds)
    left = runner.seconds_left
    if tuned.seconds > left:
        runner.note(
            f"{name} was not tuned: that was expected to take {format_duration(tuned.seconds)}, "
            f"and {format_duration(left)} were left of the budget of "
            f"{format_duration(runner.budget)}."
        )
        return bert.estimator
    forecasts[name] = tuned
    runner.say(f"{name}: tuned by {bert.n_settings} settings in each fold")
    return bert


def _forecast(runner, bert, speeds):
    """Return the forecast of a BERT."""
    from ._forecast import forecast
    from ._speed import settings_of

    data, seconds = runner.data, _SHARE_OF_PROBE * runner.seconds_left
    return forecast(bert, data.texts, data.y, runner.folds, speeds.get(settings_of(bert)), seconds)


def _tell_of_smaller(runner, bert, forecast):
    """Name the model that is installed, if that is smaller and BERT takes long on a CPU."""
    from .._engine.hub import installed_models

    smaller = [name for name in installed_models() if name != str(bert.model)]
    is_long = forecast.seconds > _LONG and forecast.device == "cpu"
    if smaller and is_long and forecast.width >= _WIDE:
        runner.say(f"Installed, and several times faster: {smaller[0]!r}")


def run_curve(runner, candidates, models, fractions, seed):
    """Run the best BERT and the best cheap model on fewer training texts."""
    main = next(iter(runner.scorers))
    best = rank_candidates(runner.results, candidates, main)
    pair = find_pair(runner.results, best[0], main, candidates) if best else None
    if pair is None:
        return
    cheap = pair.cheap[0].model
    runner.run_curve(fractions, {cheap: models[cheap], best[0]: candidates[best[0]]}, seed)

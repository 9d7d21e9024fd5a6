"""What skorch's loggers write reaches the run that the user opened, in a fit and in a search."""

import copy
import itertools
import pickle

import pytest
from joblib import parallel_config
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from skorch.callbacks import Callback, MlflowLogger, SacredLogger, TensorBoard, WandbLogger

# What the others do is not ours to mend.
pytestmark = [pytest.mark.integrations, pytest.mark.filterwarnings("ignore")]

# (fits, epochs of each) of: one fit; two folds; two candidates of two folds and the best one again.
N_ROWS = [1 * 2, 2 * 2, 5 * 2]


def fit_and_search(clf, X, y):
    """Yield after a fit, a cross-validation and a grid search."""
    yield clf.fit(X, y)
    yield cross_val_score(clf, X, y, cv=2)
    yield GridSearchCV(clf, {"batch_size": [20, 30]}, cv=2).fit(X, y)


def counts(clf, reviews, count):
    """Return how many rows are added by a fit, a cross-validation and a grid search."""
    found = [0]
    for _ in fit_and_search(clf, *reviews):
        found.append(count())
    return [after - before for before, after in itertools.pairwise(found)]


def test_tensorboard_rows_reach_the_writer(make_classifier, reviews, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(tmp_path)

    def count():
        writer.flush()
        return sum(
            len(EventAccumulator(str(file)).Reload().Scalars("Loss/train_loss"))
            for file in tmp_path.glob("events*")
        )

    logger = TensorBoard(writer, close_after_train=False)
    assert counts(make_classifier(callbacks=[logger]), reviews, count) == N_ROWS
    writer.close()


def test_a_writer_is_left_out_of_the_pickle_of_what_is_fitted(make_classifier, reviews, tmp_path):
    pytest.importorskip("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(tmp_path)
    clf = make_classifier(callbacks=[TensorBoard(writer, close_after_train=False)], epochs=1)
    with pytest.raises(pickle.PicklingError, match=r"callbacks \['TensorBoard'\] .* use n_jobs=1"):
        pickle.dumps(clf)
    clf.fit(*reviews)
    with pytest.warns(UserWarning, match=r"\['TensorBoard'\] hold something that cannot be pickl"):
        content = pickle.dumps(clf)
    assert pickle.loads(content).callbacks is None
    assert clf.callbacks[0].writer is clf.callbacks_[0][1].writer is writer
    with pytest.warns(UserWarning, match="callbacks"):
        clf.save_pretrained(tmp_path / "saved")
    writer.close()


def test_mlflow_rows_reach_the_run(make_classifier, reviews, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", minversion="3")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    client = mlflow.tracking.MlflowClient(tracking_uri=(tmp_path / "runs").as_uri())
    run = client.create_run(client.create_experiment("reviews"))

    def count():
        return len(client.get_metric_history(run.info.run_id, "train_loss"))

    logger = MlflowLogger(run, client, terminate_after_train=False)
    assert counts(make_classifier(callbacks=[logger]), reviews, count) == N_ROWS
    assert {file.path for file in client.list_artifacts(run.info.run_id)} >= {"params.pth"}
    assert pickle.loads(pickle.dumps(make_classifier(callbacks=[logger]))).callbacks


def test_wandb_rows_reach_the_run(make_classifier, reviews, tmp_path):
    wandb = pytest.importorskip("wandb")
    run = wandb.init(project="reviews", mode="offline", dir=tmp_path, settings={"silent": True})
    try:
        logger = WandbLogger(run, save_model=False)
        assert counts(make_classifier(callbacks=[logger]), reviews, lambda: run.step) == N_ROWS
        clf = make_classifier(callbacks=[WandbLogger(run)], early_stopping=True).fit(*reviews)
        assert run.step == sum(N_ROWS) + clf.n_epochs_
        assert (tmp_path / run.dir / "best_model.pth").exists()
        with pytest.warns(UserWarning, match=r"\['WandbLogger'\] hold something"):
            content = pickle.dumps(clf)  # a run cannot be loaded again
        assert pickle.loads(content).predict(reviews[0]).tolist()
    finally:
        run.finish()


class Experiment:
    """What skorch's SacredLogger needs; as with Sacred's own, a copy has rows of its own."""

    def __init__(self):
        self.rows = []

    def log_scalar(self, name, value, step=None):
        self.rows.append((name, value, step))


def test_sacred_rows_reach_the_experiment(make_classifier, reviews):
    experiment = Experiment()
    logger = SacredLogger(experiment, log_on_batch_end=True)

    def count():
        return sum(name == "train_loss_epoch" for name, _, _ in experiment.rows)

    assert counts(make_classifier(callbacks=[logger]), reviews, count) == N_ROWS
    assert all(type(v) is float for name, v, _ in experiment.rows if name == "train_loss_batch")


class Lines(Callback):
    """Write a line an epoch to an open file; count what a fit wrote."""

    def __init__(self, file):
        self.file = file

    def on_train_begin(self, net, **kwargs):
        self.n_lines_ = 0

    def on_epoch_end(self, net, **kwargs):
        self.file.write("an epoch\n")
        self.n_lines_ += 1


def test_an_open_file_is_written_to_by_each_fit(make_classifier, reviews, tmp_path):
    with open(tmp_path / "lines", "w") as file:
        mine = Lines(file)
        clf = make_classifier(callbacks=[("lines", mine)])
        for other in (clf, clone(clf), copy.deepcopy(clf)):
            [(name, used)] = other.fit(*reviews).callbacks_
            assert (name, used.n_lines_) == ("lines", 2)
            assert used is not mine
            assert used.file is file
    assert vars(mine) == {"file": file}
    assert (tmp_path / "lines").read_text() == "an epoch\n" * 6


def test_a_search_in_processes_says_that_a_file_cannot_be_sent(make_classifier, reviews, tmp_path):
    with open(tmp_path / "lines", "w") as file, parallel_config("multiprocessing"):
        clf = make_classifier(callbacks=[Lines(file)], epochs=1)
        with pytest.raises(pickle.PicklingError, match=r"\['Lines'\] hold .* use n_jobs=1"):
            cross_val_score(clf, *reviews, cv=2, n_jobs=2)

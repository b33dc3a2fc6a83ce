"""Configuration: the file, the environment over it, what is passed over both."""

import pickle
import threading
from pathlib import Path
from typing import ClassVar

import polars as pl
import pytest
from pydantic import ValidationError

from metalith._settings import ConfigNotFoundError, InvalidConfigError
from metalith.config import BaseConfig, MetalithConfig, active_config, hash_length, use_defaults_of
from metalith.definition import FeatureDefinition
from metalith.errors import InvalidError
from metalith.graph import FeatureGraph
from metalith.keys import FeatureKey
from metalith.spec import FeatureSpec
from metalith.store_config import StoreConfig
from metalith.stores import ConfiguredMetadataStore, DeltaMetadataStore, InMemoryMetadataStore

FILE = """
project = "media"
store = "main"
entrypoints = ["media.features"]

[hash]
algorithm = "xxhash64"
length = 16

[quota.bytes]
refuse = "500 GB"

[stores.main]
path = "data/${STAGE:-dev}"
layout = "flat"

[stores.bucket]
address = "s3://bucket/prefix/"
options = { aws_region = "eu-west-1" }

[stores.scratch]
type = "memory"

[stores.own]
type = "metalith.stores.delta.DeltaMetadataStore"
config = { root_path = "/somewhere" }
"""


@pytest.fixture(autouse=True)
def nothing_is_active(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("metalith.config._active.everywhere", None)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "metalith.toml"
    path.write_text(FILE)
    return path


def test_the_file_is_found_from_a_folder_below(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    config = MetalithConfig.load()
    assert config.config_file == file
    assert config.folder == tmp_path
    assert (config.project, config.store) == ("media", "main")
    assert config.entrypoints == ["media.features"]
    assert (config.hash_algorithm, config.hash_truncation_length) == ("xxhash64", 16)
    assert config.quota == {"bytes": {"refuse": "500 GB"}}
    assert MetalithConfig.get() is config is active_config()
    assert hash_length() == 16
    assert MetalithConfig.load(search_parents=False).config_file is None
    assert MetalithConfig.load(auto_discovery_start=tmp_path).config_file == file


def test_it_may_be_a_table_of_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.metalith]\nproject = "shop"\n')
    assert MetalithConfig.load().project == "shop"
    assert MetalithConfig.load(tmp_path / "pyproject.toml").project == "shop"


def test_a_pyproject_without_the_table_is_none(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\n')
    assert MetalithConfig.load(search_parents=False).project is None


def test_the_environment_is_over_the_file_and_what_is_passed_over_both(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "METALITH_STORE": "scratch",
        "METALITH_SPACE": "branch-1",
        "METALITH_ACTOR": "me",
        "METALITH_HASH_LENGTH": "32",
        "METALITH_HASH_ALGORITHM": "sha256",
        "METALITH_ENTRYPOINTS": "not.a.setting",
        "METALITH_LOG": "debug",
        "METALITH_STORES__MAIN__PATH": "elsewhere",
        "METALITH_STORES__BUCKET__OPTIONS__AWS_REGION": "eu-north-1",
        "METALITH_STORES__NEW__PATH": "new",
    }.items():
        monkeypatch.setenv(name, value)
    config = MetalithConfig.load(file)
    assert (config.store, config.space, config.actor) == ("scratch", "branch-1", "me")
    assert (config.hash_algorithm, config.hash_length) == ("sha256", 32)
    assert config.entrypoints == ["media.features"]
    assert config.stores["main"] == StoreConfig(path="elsewhere", layout="flat")
    assert config.stores["bucket"].options == {"aws_region": "eu-north-1"}
    assert config.stores["new"].path == "new"
    passed = MetalithConfig(store="main", hash_truncation_length=8)
    assert (passed.store, passed.hash_length, passed.actor) == ("main", 8, "me")


def test_where_the_project_is(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    monkeypatch.setenv("METALITH_PROJECT", str(file.parent))
    config = MetalithConfig.load()
    assert (config.config_file, config.project) == (file, "media")
    with pytest.raises(ConfigNotFoundError, match="there is no configuration at"):
        MetalithConfig.load("nowhere.toml")


def test_variables_in_texts(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MetalithConfig.load(file).stores["main"].path == "data/dev"
    monkeypatch.setenv("STAGE", "live")
    assert MetalithConfig.load(file).stores["main"].path == "data/live"
    file.write_text('project = "${MISSING}"')
    with pytest.raises(InvalidConfigError, match=r"the variable `MISSING`, which `.*` needs"):
        MetalithConfig.load(file)


class SharedConfig(BaseConfig):
    """The settings of a system whose files may extend each other."""

    file_name: ClassVar[str] = "shared.toml"
    environment_prefix: ClassVar[str] = "SHARED_"


def test_a_file_may_extend_another(tmp_path: Path) -> None:
    above, child = tmp_path / "shared.toml", tmp_path / "live.toml"
    above.write_text(
        'project = "media"\nentrypoints = ["media.features"]\n[stores.bucket]\naddress = "s3://a"\n'
    )
    child.write_text(
        'extend = "shared.toml"\nstore = "bucket"\nentrypoints = ["more"]\n'
        '[stores.bucket]\naddress = "s3://live"\n'
    )
    config = SharedConfig.load(child)
    assert (config.project, config.store) == ("media", "bucket")
    assert config.entrypoints == ["media.features", "more"]
    assert config.stores["bucket"] == StoreConfig(address="s3://live")
    assert config.config_file == child
    above.write_text('extend = "live.toml"')
    with pytest.raises(InvalidConfigError, match="extends itself"):
        SharedConfig.load(child)


def test_what_the_command_does_not_know_is_refused(file: Path) -> None:
    file.write_text('extend = "other.toml"')
    Path("other.toml").write_text("")
    with pytest.raises(InvalidConfigError, match="`extend` is a setting of"):
        MetalithConfig.load(file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("project = ", "is no TOML"),
        ("colour = 1", "Extra inputs are not permitted"),
        ('project = "a__b"', "`a__b` is no name of a project"),
        ('space = "a/b"', "space"),
        ("hash = { length = 4 }", "greater than or equal to 8"),
        ("hash = { size = 4 }", "`hash` has an `algorithm` and a `length`"),
        ('[stores.a]\npath = "x"\naddress = "y"', "a `path` or an `address`, not both"),
        ('[stores.a]\ntyp = "delta"', "a store of type `delta` has no `typ`"),
        ('[stores.a]\ntype = "a.b.C"\npath = "x"', "belongs under `config`"),
    ],
)
def test_mistakes_are_named_with_the_file(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(InvalidConfigError) as failure:
        MetalithConfig.load(file)
    assert message in str(failure.value)
    assert str(file) in str(failure.value)


def test_stores_by_name(file: Path) -> None:
    config = MetalithConfig.load(file)
    main = config.get_store()
    assert isinstance(main, DeltaMetadataStore)
    assert main.name == "main"
    assert main.root_path == str(file.parent / "data/dev")
    assert "layout=flat" in main.display()
    assert main.hash_algorithm == "xxhash64"
    bucket = config.get_store("bucket", expected_type=DeltaMetadataStore)
    assert bucket.root_path == "s3://bucket/prefix/"
    assert isinstance(config.get_store("scratch"), InMemoryMetadataStore)
    own = config.get_store("own", expected_type=DeltaMetadataStore)
    assert own.root_path == "/somewhere"
    assert config.get_store("scratch", materialization_id="run-1").materialization_id == "run-1"
    with pytest.raises(InvalidConfigError, match="`scratch` is a `InMemoryMetadataStore`, not a"):
        config.get_store("scratch", expected_type=DeltaMetadataStore)
    with pytest.raises(
        InvalidConfigError, match=r"there is no store `other`\n\nhint: .*`bucket`, `main`"
    ):
        config.get_store("other")


def test_spaces_are_beside_each_other(file: Path) -> None:
    config = MetalithConfig.load(file).model_copy(update={"space": "branch"})
    bucket = config.get_store("bucket", expected_type=DeltaMetadataStore)
    assert bucket.root_path == "s3://bucket/prefix/spaces/branch"


def test_without_any_store_there_is_one_in_the_project(tmp_path: Path) -> None:
    store = MetalithConfig().get_store(expected_type=DeltaMetadataStore)
    assert store.root_path == str(tmp_path / ".metalith/store")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no_such_module.Store", "cannot be imported"),
        ("metalith.stores.delta.NoStore", "cannot be imported"),
        ("json.JSONDecoder", "is no class of a store"),
        ("metalith.stores.delta.DeltaMetadataStore", "in store `a`: .*unexpected keyword.*colour"),
    ],
)
def test_types_of_stores_that_do_not_work(path: str, message: str) -> None:
    config = MetalithConfig(stores={"a": {"type": path, "config": {"colour": "red"}}})
    with pytest.raises(InvalidConfigError, match=message):
        config.get_store("a")


def test_which_configuration_is_active() -> None:
    assert not MetalithConfig.is_set()
    assert MetalithConfig.get() == BaseConfig.get() == MetalithConfig()
    first, second = MetalithConfig(project="first"), MetalithConfig(project="second")
    MetalithConfig.set(first)
    with second.use() as used:
        assert MetalithConfig.get() is used is second
        elsewhere: list[BaseConfig] = []
        thread = threading.Thread(target=lambda: elsewhere.append(active_config()))
        thread.start()
        thread.join()
        assert elsewhere == [first], "`use()` is for its own thread alone"
    assert MetalithConfig.get() is first
    MetalithConfig.reset()
    assert not MetalithConfig.is_set()


def test_another_kind_of_configuration() -> None:
    class OldConfig(BaseConfig):
        file_name: ClassVar[str] = "old.toml"
        environment_prefix: ClassVar[str] = "OLD_"
        default_hash_length: ClassVar[int | None] = 8
        stores_need_type: ClassVar[bool] = True
        unset_variable: ClassVar[str | None] = ""

        theme: str = "default"

    old = OldConfig(theme="dark")
    with old.use():
        assert OldConfig.get() is old
        assert hash_length() == 8
        assert not MetalithConfig.is_set()
    Path("old.toml").write_text('store = "${NOT_SET}"')
    assert OldConfig.load().store == ""
    OldConfig.reset()
    use_defaults_of(OldConfig)
    try:
        assert hash_length() == 8
    finally:
        use_defaults_of(MetalithConfig)
    assert hash_length() is None


def test_variables_of_a_store_without_a_type(monkeypatch: pytest.MonkeyPatch) -> None:
    class OldConfig(BaseConfig):
        file_name: ClassVar[str] = "old.toml"
        environment_prefix: ClassVar[str] = "OLD_"
        stores_need_type: ClassVar[bool] = True

    monkeypatch.setenv("OLD_STORES__DEV__CONFIG__ROOT_PATH", "x")
    with pytest.warns(UserWarning, match="incomplete store config .dev.: missing required .type."):
        assert OldConfig().stores == {}
    monkeypatch.setenv("OLD_STORES__DEV__TYPE", "a.b.C")
    assert OldConfig().stores["dev"] == StoreConfig(type="a.b.C", config={"root_path": "x"})


def test_lists_and_selections_from_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METALITH_FEATURES", "a.toml, b.toml")
    monkeypatch.setenv("SHARED_EXTRA_FEATURES", '[{"keys": ["a/b"]}]')
    assert MetalithConfig().features == ["a.toml", "b.toml"]
    assert SharedConfig().extra_features[0].keys == [FeatureKey("a/b")]


def test_as_toml_and_back(file: Path, tmp_path: Path) -> None:
    config = MetalithConfig.load(file)
    other = tmp_path / "other.toml"
    other.write_text(config.to_toml())
    assert MetalithConfig.load(other).model_dump() == config.model_dump()


def test_a_configuration_passed_wrongly() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        MetalithConfig.model_validate({"colour": "red"})


ANY_KIND = """
project = "media"

[stores.dev]
type = "memory2"
path = "x"
pool = 3
"""


def test_types_of_stores_are_the_engine_s_to_know(file: Path) -> None:
    """Whatever type the command knows, Python knows too: it hands the settings over."""
    file.write_text(ANY_KIND)
    store = MetalithConfig.load(file).get_store("dev")
    assert isinstance(store, ConfiguredMetadataStore)
    with pytest.raises(InvalidError, match="`memory2` is no type of store") as told, store:
        pass
    assert "`delta`" in str(told.value)
    file.write_text(ANY_KIND.replace("memory2", "delta"))
    with pytest.raises(InvalidConfigError, match="a store of type `delta` has no `pool`"):
        MetalithConfig.load(file)


def test_a_store_is_made_of_its_settings_alone(tmp_path: Path) -> None:
    settings = {"type": "delta", "path": "media", "layout": "flat"}
    store = ConfiguredMetadataStore(settings, folder=tmp_path, space="team")
    assert store.display() == str(tmp_path / "media/spaces/team")
    again = pickle.loads(pickle.dumps(store))
    with FeatureGraph().use() as graph:
        spec = FeatureSpec(key="a/b", id_columns=["id"])
        definition = FeatureDefinition(spec=spec, feature_schema={}, project="media")
        graph.add_feature_definition(definition)
        with store.open("write"):
            rows = {"id": ["a"], "metaxy_provenance_by_field": [{"default": "1"}]}
            store.write("a/b", pl.DataFrame(rows))
        with again:
            assert len(again.read("a/b").collect()) == 1
    assert (tmp_path / "media/spaces/team/a__b.delta").is_dir()


FALLING_BACK = """
project = "media"

[stores.dev]
path = "dev"
fallback_stores = ["prod"]

[stores.prod]
path = "prod"
"""


def test_stores_fall_back_as_the_file_says(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(FALLING_BACK)
    (behind,) = MetalithConfig.load(file).get_store("dev").fallback_stores
    assert behind.name == "prod"
    monkeypatch.setenv("METALITH_STORES__PROD__FALLBACK_STORES", "dev")
    with pytest.raises(InvalidConfigError, match="fall back to each other: `prod` -> `dev` -> `p"):
        MetalithConfig.load(file).get_store("dev")

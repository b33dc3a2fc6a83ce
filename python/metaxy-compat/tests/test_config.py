"""A configuration in code and in a file: what it says of stores, and what it says is wrong."""

import pickle
from pathlib import Path

import pytest
from metalith._settings import parse_toml

import metaxy as mx
from metaxy.config import InvalidConfigError, MetaxyConfig, StoreConfig
from metaxy.ext.duckdb import DuckDBMetadataStore
from metaxy.ext.polars.handlers.delta import DeltaMetadataStore
from metaxy.metadata_store.fallback import FallbackStoreList

DELTA = "metaxy.ext.polars.handlers.delta.DeltaMetadataStore"


def delta(root: object, **given: object) -> StoreConfig:
    return StoreConfig(type=DELTA, config={"root_path": str(root), **given})


def test_a_store_is_named_by_its_class_or_its_path() -> None:
    by_class = StoreConfig(type=DeltaMetadataStore, config={"root_path": Path("a")})
    assert by_class.type == DELTA and by_class.type_cls is DeltaMetadataStore
    said = parse_toml(by_class.to_toml(), Path("it"))
    assert said == {"type": DELTA, "config": {"root_path": "a"}}
    # It is imported when it is needed.
    absent = StoreConfig(type="no.such.Store", config={})
    with pytest.raises(ImportError, match=r"cannot import `no\.such\.Store`"):
        _ = absent.type_cls
    with pytest.raises(InvalidConfigError, match=r"no\.such\.Store.* of store `it`"):
        MetaxyConfig(stores={"it": absent}).get_store("it")


def test_errors_say_which_file_it_is(tmp_path: Path) -> None:
    file = tmp_path / "metaxy.toml"
    file.write_text(f'[stores.dev]\ntype = "{DELTA}"\n[stores.dev.config]\nroot = "a"\n')
    config = MetaxyConfig.load(file)
    for name, told in (
        ("prod", "Store 'prod' not found in config. Available stores: 'dev'"),
        ("dev", "Failed to validate config of store 'dev'"),
    ):
        with pytest.raises(InvalidConfigError) as refused:
            config.get_store(name)
        assert told in str(refused.value)
        assert str(refused.value).count(f"Config file: {file}") == 1
        assert refused.value.config_file == file
    again = pickle.loads(pickle.dumps(refused.value))
    assert (str(again), again.base_message) == (str(refused.value), refused.value.base_message)
    with pytest.raises(InvalidConfigError, match="No Metaxy stores available") as refused:
        MetaxyConfig().get_store()
    assert "Config file" not in str(refused.value)
    broken = tmp_path / "broken.toml"
    broken.write_text("store = ")
    with pytest.raises(InvalidConfigError, match="is no TOML"):
        MetaxyConfig.load(broken)


def test_half_a_store_in_the_environment_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAXY_STORES__PROD__CONFIG__ROOT_PATH", "a")
    told = r"Ignoring incomplete store config 'prod'.*has fields: config, config\.root_path"
    with pytest.warns(UserWarning, match=told) as warned:
        config = MetaxyConfig()
    assert len(warned) == 1 and config.stores == {}


def test_a_configuration_stays_as_it_is() -> None:
    config = MetaxyConfig(project="media")
    with pytest.raises(ValueError, match="frozen"):
        config.project = "other"
    assert config.with_project("other").project == "other"


def test_stores_behind_a_store_are_of_its_own_configuration(tmp_path: Path) -> None:
    config = MetaxyConfig(
        stores={
            "dev": delta(tmp_path / "dev", fallback_stores=["prod"]),
            "prod": delta(tmp_path / "prod"),
            "odd": delta(tmp_path / "odd", hash_algorithm="md5", fallback_stores=["prod", "gone"]),
        }
    )
    # It is not the active one.
    dev = config.get_store("dev")
    assert dev.fallback_stores[0].name == "prod"
    assert dev.fallback_stores[0] is dev.fallback_stores[0]
    assert config.get_store("prod").fallback_stores == []
    odd = config.get_store("odd")
    assert len(odd.fallback_stores) == 2
    with pytest.raises(ValueError, match="uses hash_algorithm='xxhash32' but this store uses"):
        odd.fallback_stores[0]
    with pytest.raises(InvalidConfigError, match="'gone' not found"):
        odd.fallback_stores[1]


def test_a_list_of_stores_finds_each_when_it_is_asked_for() -> None:
    own = mx.InMemoryMetadataStore(name="own")
    config = MetaxyConfig(stores={"it": StoreConfig(type=DuckDBMetadataStore, config={})})
    named = FallbackStoreList([own, "it"], config=config)
    assert (len(named), bool(named), named.all_resolved) == (2, True, False)
    assert named[0] is own and named[0:1] == [own]
    with pytest.raises(InvalidConfigError, match="Failed to validate"):
        list(named)
    assert not FallbackStoreList() and FallbackStoreList(None).all_resolved
    with pytest.raises(ValueError, match="no MetaxyConfig provided"):
        FallbackStoreList(["it"])[0]

"""The key for web push."""

import click

from server.kernel.providers import new_key


@click.command("push-key")
def push_key() -> None:
    """Print a new key for web push, as a setting. Every web process gets the same one."""
    click.echo(f"VAPID_PRIVATE_KEY={new_key()}")
